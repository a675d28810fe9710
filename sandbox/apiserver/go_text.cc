#include "sandbox/apiserver/go_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

// Words that clients know are those of Go's standard library, which kube-apiserver passes on.

namespace stowage::sandbox {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// Length of the UTF-8 sequence that begins at `i`, or 0.
size_t sequence_at(std::string_view text, size_t i) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char first = byte(i);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || i + length > text.size()) return 0;
  for (size_t k = i + 1; k < i + length; ++k) {
    if ((byte(k) & 0xc0) != 0x80) return 0;
  }
  // Over-long forms, surrogates, and what lies beyond the last character.
  const unsigned char second = byte(i + 1);
  const bool bad = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                   (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return bad ? 0 : length;
}

/// The value of the escape "\u" with its four hexadecimal digits at `i`, if one stands there.
std::optional<unsigned> escape_at(std::string_view text, size_t i) {
  if (i + 6 > text.size() || text[i] != '\\' || text[i + 1] != 'u') return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(i + 2, 4)) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

/// One part of a time: as many digits as its place in the layout has, within bounds.
struct Part {
  std::string_view shown;
  size_t digits;
  int low, high;
  const char* name;
};
constexpr Part kParts[] = {{"2006", 4, 0, 9999, "year"}, {"01", 2, 1, 12, "month"},
                           {"02", 2, 1, 31, "day"},      {"15", 2, 0, 23, "hour"},
                           {"04", 2, 0, 59, "minute"},   {"05", 2, 0, 59, "second"}};
constexpr std::string_view kBetween = "--T::";

}  // namespace

std::string go_quote(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const size_t length = sequence_at(text, i);
    const auto c = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      out += fmt::format("\\x{:02x}", c);
    } else if (c == '"' || c == '\\') {
      out += {'\\', text[i]};
    } else if (const size_t named = std::string_view("\a\b\t\n\v\f\r").find(text[i]);
               named != std::string_view::npos) {
      out += {'\\', "abtnvfr"[named]};
    } else if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += text.substr(i, length);
    }
    i += std::max<size_t>(length, 1);
  }
  return out + "\"";
}

std::string go_value(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "<nil>";
  if (!value.is_structured()) return dump(value);
  std::string out;
  if (value.is_array()) {
    for (const Json& item : value)
      out += (out.empty() ? "" : " ") + go_value(item);
    return "[" + out + "]";
  }
  for (const auto& [key, member] : value.items())
    out += fmt::format("{}{}:{}", out.empty() ? "" : " ", key, go_value(member));
  return "map[" + out + "]";
}

std::string_view json_word(const Json& value) {
  if (value.is_number()) return "number";
  if (value.is_boolean()) return "bool";
  return value.type_name();
}

std::string go_time_problem(std::string_view text, std::string_view layout) {
  const std::string begin = fmt::format("parsing time {}", go_quote(text));
  std::string_view rest = text;
  const auto cannot = [&](std::string_view as) {
    return fmt::format("{} as \"{}\": cannot parse {} as \"{}\"", begin, layout, go_quote(rest), as);
  };
  for (size_t i = 0; i < std::size(kParts); ++i) {
    const Part& part = kParts[i];
    int value = 0;
    for (size_t k = 0; k < part.digits; ++k) {
      if (k >= rest.size() || std::isdigit(static_cast<unsigned char>(rest[k])) == 0)
        return cannot(part.shown);
      value = value * 10 + (rest[k] - '0');
    }
    if (value < part.low || value > part.high) return fmt::format("{}: {} out of range", begin, part.name);
    rest.remove_prefix(part.digits);
    if (i >= kBetween.size()) break;
    if (rest.empty() || rest[0] != kBetween[i]) return cannot(kBetween.substr(i, 1));
    rest.remove_prefix(1);
  }
  if (rest.starts_with('.'))
    rest.remove_prefix(std::min(rest.find_first_not_of("0123456789", 1), rest.size()));
  if (rest.starts_with('Z') && rest.size() > 1)
    return fmt::format("{}: extra text: {}", begin, go_quote(rest.substr(1)));
  return rest == "Z" ? begin + ": day out of range" : cannot("Z07:00");
}

std::string go_json_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (const auto unit = escape_at(text, i)) {
      const auto next = escape_at(text, i + 6);
      const bool high = *unit >= 0xd800 && *unit < 0xdc00;
      const bool pair = high && next && *next >= 0xdc00 && *next < 0xe000;
      const bool alone = *unit >= 0xd800 && *unit < 0xe000 && !pair;
      out += alone ? std::string_view("\\ufffd") : text.substr(i, pair ? 12 : 6);
      i += pair ? 12 : 6;
      continue;
    }
    // An escaped backslash does not begin an escape of its own.
    const size_t length =
        text[i] == '\\' && i + 1 < text.size() && sequence_at(text, i + 1) == 1 ? 2 : sequence_at(text, i);
    out += length == 0 ? kReplacement : text.substr(i, length);
    i += std::max<size_t>(length, 1);
  }
  return out;
}

}  // namespace stowage::sandbox
