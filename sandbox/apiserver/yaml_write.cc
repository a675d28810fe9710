#include "sandbox/apiserver/yaml_write.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace stowage::sandbox {
namespace {

bool digits(std::string_view text, std::string_view more = "") {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || more.find(c) != std::string_view::npos;
  });
}

/// Integers in the usual bases, and floats; `text` is in lower case.
bool number(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  if (text.starts_with("0x")) return text.size() > 2 && digits(text.substr(2), "abcdef_");
  if (text.starts_with("0o") || text.starts_with("0b")) return text.size() > 2 && digits(text.substr(2), "_");
  const size_t e = text.find('e');
  std::string_view mantissa = text.substr(0, e);
  if (e != std::string_view::npos) {
    std::string_view exponent = text.substr(e + 1);
    if (exponent.starts_with('+') || exponent.starts_with('-')) exponent.remove_prefix(1);
    if (exponent.empty() || !digits(exponent)) return false;
  }
  if (mantissa.find_first_of("0123456789") == std::string_view::npos) return false;
  return std::count(mantissa.begin(), mantissa.end(), '.') <= 1 && digits(mantissa, "._");
}

/// 2020-01-01, and what begins so.
bool date(std::string_view text) {
  return text.size() >= 8 && digits(text.substr(0, 4)) && text[4] == '-' && digits(text, "-:.TtZz+ ");
}

/// 190:20:30 is a number of YAML 1.1.
bool base_sixty(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text[0] >= '0' && text[0] <= '9' && text.find(':') != std::string_view::npos &&
         digits(text, ":._");
}

/// Words and shapes that YAML 1.1 reads as something other than a string.
bool resolves_elsewhere(const std::string& text) {
  static constexpr std::string_view kWords[] = {"~",   "null", "true", "false", "yes",  "no", "on",
                                                "off", "y",    "n",    ".nan",  ".inf", "<<", "="};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (std::find(std::begin(kWords), std::end(kWords), lower) != std::end(kWords)) return true;
  return number(lower) || date(text) || base_sixty(text);
}

bool plain(const std::string& text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || resolves_elsewhere(text)) return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`").find(text.front()) != std::string_view::npos &&
      !(text.size() > 1 && text[1] != ' ' &&
        std::string_view("-?:").find(text.front()) != std::string_view::npos)) {
    return false;
  }
  if (text == "---" || text == "..." || text.starts_with("--- ")) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return false;
    if (c == ':' && (i + 1 == text.size() || text[i + 1] == ' ')) return false;
    if (c == '#' && i > 0 && text[i - 1] == ' ') return false;
  }
  return true;
}

/// A literal block can hold it: lines without anything that needs an escape.
bool block(const std::string& text) {
  if (text.find('\n') == std::string::npos || text.front() == ' ' || text.front() == '\n') return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 || c == '\n'; });
}

class Writer {
 public:
  std::string out;

  void value(const Json& v, size_t indent) {
    if (v.is_object() && !v.empty()) return members(v, indent, false);
    if (v.is_array() && !v.empty()) return items(v, indent);
    scalar(v, indent);
    out += '\n';
  }

 private:
  void scalar(const Json& v, size_t indent) {
    if (v.is_object()) {
      out += "{}";
    } else if (v.is_array()) {
      out += "[]";
    } else if (v.is_string()) {
      text(v.get_ref<const std::string&>(), indent);
    } else {
      out += dump(v);
    }
  }

  void text(const std::string& s, size_t indent) {
    if (plain(s)) {
      out += s;
    } else if (!s.empty() && block(s)) {
      literal(s, indent);
    } else if (std::all_of(s.begin(), s.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; })) {
      // go-yaml prefers double quotes where the plain form would be read as another type.
      const bool typed = s.empty() || (s.front() != ' ' && s.back() != ' ' && resolves_elsewhere(s));
      quoted(s, typed ? '"' : '\'');
    } else {
      write_json_string(out, s);  // JSON's escapes are YAML's
    }
  }

  /// Strings for double quotes hold neither quotes nor backslashes: they look like numbers or words.
  void quoted(const std::string& s, char quote) {
    out += quote;
    for (const char c : s) {
      if (c == '\'' && quote == '\'') out += c;
      out += c;
    }
    out += quote;
  }

  void literal(const std::string& s, size_t indent) {
    const size_t end = s.find_last_not_of('\n') + 1;
    const size_t breaks = s.size() - end;
    out += breaks == 0 ? "|-" : breaks == 1 ? "|" : "|+";
    std::string_view rest = breaks == 0 ? std::string_view(s) : std::string_view(s).substr(0, s.size() - 1);
    while (true) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      out += '\n';
      if (!line.empty()) out.append(indent, ' ');
      out += line;
      if (line.size() == rest.size()) break;
      rest.remove_prefix(line.size() + 1);
    }
  }

  void key(const std::string& name, size_t indent) {
    if (name.find('\n') == std::string::npos) {
      text(name, indent);
    } else {
      write_json_string(out, name);  // a key is one line
    }
    out += ':';
  }

  /// `inlined`: the first member goes behind the dash of its list item.
  void members(const Json& v, size_t indent, bool inlined) {
    for (const auto& [name, member] : v.get_ref<const Json::object_t&>()) {
      if (!inlined) out.append(indent, ' ');
      inlined = false;
      key(name, indent);
      if (member.is_structured() && !member.empty()) {
        out += '\n';
        if (member.is_array()) {
          items(member, indent);
        } else {
          members(member, indent + 2, false);
        }
      } else {
        out += ' ';
        scalar(member, indent + 2);
        out += '\n';
      }
    }
  }

  void items(const Json& v, size_t indent) {
    for (const Json& item : v) {
      out.append(indent, ' ');
      out += "- ";
      if (item.is_object() && !item.empty()) {
        members(item, indent + 2, true);
      } else if (item.is_array() && !item.empty()) {
        inner_items(item, indent + 2);
      } else {
        scalar(item, indent + 2);
        out += '\n';
      }
    }
  }

  /// A list in a list: its first item stands behind the dash.
  void inner_items(const Json& v, size_t indent) {
    const size_t start = out.size();
    items(v, indent);
    out.erase(start, indent);
  }
};

}  // namespace

std::string to_yaml(const Json& value) {
  Writer writer;
  writer.value(value, 0);
  return std::move(writer.out);
}

}  // namespace stowage::sandbox
