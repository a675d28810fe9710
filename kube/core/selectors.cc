#include "kube/core/selectors.h"

#include <algorithm>

namespace stowage::kube {
namespace {

constexpr size_t kMaxNameBytes = 63;
constexpr size_t kMaxPrefixBytes = 253;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// The name part of a label key, and every label value that is not empty.
bool is_label_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) && std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > kMaxPrefixBytes) return false;
  bool at_edge = true;  // of a label: no '-' or '.' here
  for (const char c : text) {
    const bool lower = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!lower && (at_edge || (c != '-' && c != '.'))) return false;
    at_edge = c == '.';
  }
  return text.back() != '-' && text.back() != '.' && text.find("-.") == std::string_view::npos;
}

bool is_label_key(std::string_view key) {
  const size_t slash = key.find('/');
  if (slash == std::string_view::npos) return is_label_name(key);
  return is_dns_subdomain(key.substr(0, slash)) && is_label_name(key.substr(slash + 1));
}

std::unexpected<Error> invalid(std::string message) {
  return fail(Code::kInvalidArgument, "label selector: " + std::move(message));
}

/// A cursor over the text of a selector.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<LabelRequirement>> parse() {
    std::vector<LabelRequirement> out;
    skip();
    if (done()) return out;
    for (;;) {
      TRY(LabelRequirement one, requirement());
      out.push_back(std::move(one));
      skip();
      if (done()) return out;
      if (!take(",")) return expected("a comma");
    }
  }

 private:
  [[nodiscard]] bool done() const { return at_ == text_.size(); }
  void skip() {
    while (!done() && (text_[at_] == ' ' || text_[at_] == '\t'))
      ++at_;
  }
  bool take(std::string_view token) {
    skip();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  std::string word() {
    skip();
    const size_t begin = at_;
    while (!done() && std::string_view(" \t,()=!").find(text_[at_]) == std::string_view::npos)
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  [[nodiscard]] std::unexpected<Error> expected(const char* what) const {
    return invalid("expected " + std::string(what) + " at byte " + std::to_string(at_) + " of \"" +
                   std::string(text_) + "\"");
  }

  Result<std::string> key() {
    std::string out = word();
    if (!is_label_key(out)) return invalid("\"" + out + "\" cannot be the key of a label");
    return out;
  }
  Result<std::string> value() {
    std::string out = word();
    if (!out.empty() && !is_label_name(out)) return invalid("\"" + out + "\" cannot be the value of a label");
    return out;
  }
  Result<std::vector<std::string>> values() {
    if (!take("(")) return expected("an opening parenthesis");
    std::vector<std::string> out;
    for (;;) {
      TRY(std::string one, value());
      out.push_back(std::move(one));
      if (take(")")) return out;
      if (!take(",")) return expected("a comma or a closing parenthesis");
    }
  }

  Result<LabelRequirement> requirement() {
    using Op = LabelRequirement::Op;
    if (take("!")) {
      TRY(std::string name, key());
      return LabelRequirement{.key = std::move(name), .op = Op::kDoesNotExist};
    }
    TRY(std::string name, key());
    LabelRequirement out{.key = std::move(name)};
    skip();
    if (done() || text_[at_] == ',') return out;
    const bool negated = take("!=");
    if (negated || take("==") || take("=")) {
      TRY(std::string one, value());
      out.op = negated ? Op::kNotIn : Op::kIn;
      out.values.push_back(std::move(one));
      return out;
    }
    const std::string op = word();
    if (op != "in" && op != "notin") return expected("=, !=, in or notin");
    out.op = op == "in" ? Op::kIn : Op::kNotIn;
    TRY(out.values, values());
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string escape_field(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == ',' || c == '=') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace

Result<std::string> format_label_selector(const std::vector<LabelRequirement>& requirements) {
  using Op = LabelRequirement::Op;
  std::string out;
  for (const LabelRequirement& one : requirements) {
    if (!is_label_key(one.key)) return invalid("\"" + one.key + "\" cannot be the key of a label");
    const bool takes_values = one.op == Op::kIn || one.op == Op::kNotIn;
    if (takes_values == one.values.empty()) {
      return invalid(one.key + (takes_values ? " needs at least one value" : " takes no values"));
    }
    for (const std::string& value : one.values) {
      if (!value.empty() && !is_label_name(value))
        return invalid("\"" + value + "\" cannot be the value of a label");
    }
    if (!out.empty()) out += ',';
    if (one.op == Op::kDoesNotExist) out += '!';
    out += one.key;
    if (!takes_values) continue;
    if (one.values.size() == 1) {
      out += (one.op == Op::kIn ? "=" : "!=") + one.values.front();
      continue;
    }
    out += one.op == Op::kIn ? " in (" : " notin (";
    for (size_t i = 0; i < one.values.size(); ++i)
      out += (i > 0 ? "," : "") + one.values[i];
    out += ')';
  }
  return out;
}

Result<std::vector<LabelRequirement>> parse_label_selector(std::string_view text) {
  return Parser(text).parse();
}

std::string field_equals(std::string_view field, std::string_view value) {
  return std::string(field) + "=" + escape_field(value);
}

std::string field_not_equals(std::string_view field, std::string_view value) {
  return std::string(field) + "!=" + escape_field(value);
}

}  // namespace stowage::kube
