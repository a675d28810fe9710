// Label selectors as text. Grammar and words of its mistakes: apimachinery/pkg/labels/selector.go.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "sandbox/apiserver/names.h"
#include "sandbox/apiserver/selector.h"

namespace stowage::sandbox {
namespace {

/// Empty at the end of the text; else a word or one of the operators.
using Token = std::string_view;

bool special(char c) {
  return std::string_view("=!(),><").find(c) != std::string_view::npos;
}

bool space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_word(Token token) {
  return !token.empty() && !special(token.front());
}

struct Mistake {
  std::string why;
};

[[noreturn]] void expected(Token found, std::string_view what) {
  throw Mistake{fmt::format("found '{}', expected: {}", found, what)};
}

class Parser {
 public:
  using Requirement = LabelSelector::Requirement;

  explicit Parser(std::string_view text) : rest_(text) { advance(); }

  std::vector<Requirement> all() {
    std::vector<Requirement> out;
    while (!token_.empty()) {
      if (!is_word(token_) && token_ != "!") expected(token_, "!, identifier, or 'end of string'");
      try {
        out.push_back(requirement());
      } catch (const Mistake& mistake) {
        throw Mistake{"unable to parse requirement: " + mistake.why};
      }
      if (token_.empty()) break;
      if (take() != ",") expected(last_, "',' or 'end of string'");
      if (!is_word(token_) && token_ != "!") expected(token_, "identifier after ','");
    }
    return out;
  }

 private:
  void advance() {
    while (!rest_.empty() && space(rest_.front()))
      rest_.remove_prefix(1);
    size_t length = 0;
    if (rest_.starts_with("==") || rest_.starts_with("!=")) {
      length = 2;
    } else if (!rest_.empty() && special(rest_.front())) {
      length = 1;
    } else {
      while (length < rest_.size() && !special(rest_[length]) && !space(rest_[length]))
        ++length;
    }
    token_ = rest_.substr(0, length);
    rest_.remove_prefix(length);
  }

  Token take() {
    last_ = token_;
    advance();
    return last_;
  }

  Requirement requirement() {
    const bool negated = token_ == "!";
    if (negated) take();
    const std::string key(take());
    if (!is_word(key)) expected(key, "identifier");
    if (const auto why = qualified_name_problems(key); !why.empty())
      throw Mistake{fmt::format("<nil>: Invalid value: \"{}\": {}", key, fmt::join(why, "; "))};
    if (negated) return {key, LabelSelector::Op::kNotExists, {}};
    if (token_.empty() || token_ == ",") return {key, LabelSelector::Op::kExists, {}};
    Requirement out{key, binary(), {}};
    const bool set = last_ == "in" || last_ == "notin";
    const std::set<std::string> values = set ? listed() : exact();
    out.values.assign(values.begin(), values.end());
    check_values(out);
    return out;
  }

  LabelSelector::Op binary() {
    using Op = LabelSelector::Op;
    const Token op = take();
    if (op == "in" || op == "=" || op == "==") return Op::kIn;
    if (op == "notin" || op == "!=") return Op::kNotIn;
    if (op == ">") return Op::kGreater;
    if (op == "<") return Op::kLess;
    expected(op, "in, notin, =, ==, !=, gt, lt");
  }

  std::set<std::string> exact() {
    if (token_.empty() || token_ == ",") return {""};
    if (!is_word(take())) expected(last_, "identifier");
    return {std::string(last_)};
  }

  /// "(a,b)"; a place without a word stands for the empty value.
  std::set<std::string> listed() {
    if (take() != "(") throw Mistake{fmt::format("found '{}' expected: '('", last_)};
    std::set<std::string> out;
    if (token_ != ")" && token_ != "," && !is_word(token_)) expected(token_, "',', ')' or identifier");
    bool word_before = false;
    while (true) {
      const Token token = take();
      if (token == ")") {
        if (!word_before) out.insert("");
        return out;
      }
      if (token == ",") {
        if (!word_before) out.insert("");
        word_before = false;
        if (token_ != ")" && token_ != "," && !is_word(token_)) expected(token_, "',', or identifier");
      } else {
        out.insert(std::string(token));
        word_before = true;
        if (token_ != "," && token_ != ")") expected(token_, "',' or ')'");
      }
    }
  }

  static void check_values(const Requirement& r) {
    const bool number = r.op == LabelSelector::Op::kGreater || r.op == LabelSelector::Op::kLess;
    for (size_t i = 0; i < r.values.size(); ++i) {
      const std::string& value = r.values[i];
      int64_t parsed = 0;
      const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), parsed);
      if (number && (failure != std::errc() || end != value.data() + value.size()))
        throw Mistake{
            fmt::format("values[{}]: Invalid value: \"{}\": for 'Gt', 'Lt' operators, the value must be an "
                        "integer",
                        i, value)};
      if (const std::string why = label_value_problem(value); !why.empty())
        throw Mistake{fmt::format("values[{}][{}]: Invalid value: \"{}\": {}", i, r.key, value, why)};
    }
  }

  std::string_view rest_;
  Token token_, last_;
};

}  // namespace

Answer<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector out;
  try {
    out.requirements_ = Parser(text).all();
  } catch (const Mistake& mistake) {
    return bad_request(mistake.why);
  }
  return out;
}

}  // namespace stowage::sandbox
