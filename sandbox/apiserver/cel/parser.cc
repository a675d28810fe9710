#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sandbox/apiserver/cel/expr.h"

namespace stowage::sandbox::cel {
namespace {

constexpr int kMaxDepth = 100;
/// Of the tree: a chain "a + b + c ..." is as deep as it is long, and everything behind the parser recurses.
constexpr int kMaxTree = 250;
constexpr size_t kMaxText = 10'000;

struct Failure {
  std::string message;
};

using Node = std::shared_ptr<const Expr>;

/// Recursive descent with precedence climbing; failures unwind by exception and stop in parse().
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Node whole() {
    Node out = ternary();
    skip();
    if (at_ != text_.size()) fail(fmt::format("unexpected '{}'", text_[at_]));
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Failure{fmt::format("ERROR: <input>:1:{}: Syntax error: {}", at_ + 1, why)};
  }

  Node make(size_t at, Kind kind, std::string name, std::vector<Node> args = {}) const {
    int depth = 0;
    for (const Node& arg : args)
      depth = std::max(depth, arg->depth);
    if (depth >= kMaxTree) fail("expression is nested too deeply");
    auto out = std::make_shared<Expr>();
    out->at = at;
    out->kind = kind;
    out->name = std::move(name);
    out->args = std::move(args);
    out->depth = depth + 1;
    return out;
  }

  static Node literal(size_t at, Value value) {
    auto out = std::make_shared<Expr>();
    out->at = at;
    out->kind = Kind::kLiteral;
    out->literal = std::move(value);
    return out;
  }

  void skip() {
    while (at_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
        ++at_;
      } else if (text_.substr(at_).starts_with("//")) {
        while (at_ < text_.size() && text_[at_] != '\n')
          ++at_;
      } else {
        break;
      }
    }
  }

  bool take(std::string_view token) {
    skip();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token)) fail(fmt::format("expected '{}'", token));
  }

  static bool word_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

  bool take_word(std::string_view word) {
    skip();
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(word) || (rest.size() > word.size() && word_char(rest[word.size()]))) return false;
    at_ += word.size();
    return true;
  }

  std::string identifier() {
    skip();
    const size_t start = at_;
    if (at_ < text_.size() && text_[at_] == '`') {  // quoted field name
      const size_t end = text_.find('`', at_ + 1);
      if (end == std::string_view::npos) fail("unterminated `");
      at_ = end + 1;
      return std::string(text_.substr(start + 1, end - start - 1));
    }
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) == 0) {
      while (at_ < text_.size() && word_char(text_[at_]))
        ++at_;
    }
    if (at_ == start) fail("expected a name");
    return std::string(text_.substr(start, at_ - start));
  }

  Node ternary() {
    if (++depth_ > kMaxDepth) fail("expression is nested too deeply");
    Node out = binary(0);
    skip();
    const size_t at = at_;
    if (take("?")) {
      Node yes = ternary();
      expect(":");
      Node no = ternary();
      out = make(at, Kind::kTernary, "?:", {out, yes, no});
    }
    --depth_;
    return out;
  }

  static constexpr int kLogicLevels = 2;

  /// Operators by level, longest first within a level.
  std::string_view operator_at(int level) {
    static constexpr std::string_view kLevels[5][6] = {
        {"||"}, {"&&"}, {"==", "!=", "<=", ">=", "<", ">"}, {"+", "-"}, {"*", "/", "%"}};
    for (const std::string_view token : kLevels[level]) {
      if (!token.empty() && take(token)) return token;
    }
    return level == 2 && take_word("in") ? "in" : "";
  }

  Node binary(int level) {
    if (level == 5) return unary();
    Node left = binary(level + 1);
    if (level < kLogicLevels) return logic(level, std::move(left));
    for (std::string_view op = operator_at(level); !op.empty(); op = operator_at(level)) {
      const size_t at = at_ - op.size();
      Node right = binary(level + 1);
      left = make(at, Kind::kBinary, std::string(op), {left, right});
    }
    return left;
  }

  /// Chains of && and of || become balanced trees, as cel-go makes them: their length is not their depth.
  Node logic(int level, Node first) {
    std::vector<Node> terms = {std::move(first)};
    std::vector<size_t> places;
    for (std::string_view op = operator_at(level); !op.empty(); op = operator_at(level)) {
      places.push_back(at_ - op.size());
      terms.push_back(binary(level + 1));
    }
    return balanced(level == 0 ? "||" : "&&", terms, places, 0, terms.size());
  }

  Node balanced(const char* op, const std::vector<Node>& terms, const std::vector<size_t>& places,
                size_t from, size_t to) const {
    if (to - from == 1) return terms[from];
    const size_t middle = (from + to + 1) / 2;
    return make(places[middle - 1], Kind::kBinary, op,
                {balanced(op, terms, places, from, middle), balanced(op, terms, places, middle, to)});
  }

  Node unary() {
    if (++depth_ > kMaxDepth) fail("expression is nested too deeply");
    Node out;
    skip();
    const size_t at = at_;
    const bool not_equal = text_.substr(at_).starts_with("!=");
    if (!not_equal && take("!")) {
      out = make(at, Kind::kUnary, "!", {unary()});
    } else if (take("-")) {
      out = make(at, Kind::kUnary, "-", {unary()});
    } else {
      out = postfix(primary());
    }
    --depth_;
    return out;
  }

  std::vector<Node> arguments(std::string_view closing) {
    std::vector<Node> out;
    if (take(closing)) return out;
    do {
      skip();
      if (closing == "]" && text_.substr(at_).starts_with(closing)) break;
      out.push_back(ternary());
    } while (take(","));
    expect(closing);
    return out;
  }

  Node postfix(Node base) {
    while (true) {
      skip();
      const size_t at = at_;
      if (take(".")) {
        const bool optional = take("?");
        std::string name = identifier();
        skip();
        const size_t open = at_;
        if (!optional && take("(")) {
          std::vector<Node> args = arguments(")");
          args.insert(args.begin(), base);
          base = make(open, Kind::kMember, std::move(name), std::move(args));
        } else {
          base = make(at, optional ? Kind::kOptionalSelect : Kind::kSelect, std::move(name), {base});
        }
      } else if (take("[")) {
        const bool optional = take("?");
        Node index = ternary();
        expect("]");
        base = make(at, optional ? Kind::kOptionalIndex : Kind::kIndex, "[]", {base, index});
      } else {
        return base;
      }
    }
  }

  Node primary() {
    skip();
    if (at_ >= text_.size()) fail("unexpected end");
    const size_t at = at_;
    const char c = text_[at_];
    if (take("(")) {
      Node inner = ternary();
      expect(")");
      return inner;
    }
    if (take("[")) return make(at, Kind::kList, "list", arguments("]"));
    if (take("{")) return map_literal(at);
    if (c == '"' || c == '\'') return literal(at, quoted(false));
    if ((c == 'r' || c == 'R') && at_ + 1 < text_.size() &&
        (text_[at_ + 1] == '"' || text_[at_ + 1] == '\'')) {
      ++at_;
      return literal(at, quoted(true));
    }
    if (std::isdigit(static_cast<unsigned char>(c)) != 0 ||
        (c == '.' && at_ + 1 < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_ + 1])) != 0))
      return number();
    std::string name = identifier();
    if (name == "true") return literal(at, true);
    if (name == "false") return literal(at, false);
    if (name == "null") return literal(at, Null{});
    skip();
    const size_t open = at_;
    if (take("(")) return make(open, Kind::kCall, std::move(name), arguments(")"));
    return make(at, Kind::kIdent, std::move(name));
  }

  Node map_literal(size_t at) {
    std::vector<Node> entries;
    if (!take("}")) {
      do {
        entries.push_back(ternary());
        expect(":");
        entries.push_back(ternary());
      } while (take(","));
      expect("}");
    }
    return make(at, Kind::kMap, "map", std::move(entries));
  }

  Node number() {
    const size_t start = at_;
    if (text_.substr(at_).starts_with("0x")) {
      at_ += 2;
      while (at_ < text_.size() && std::isxdigit(static_cast<unsigned char>(text_[at_])) != 0)
        ++at_;
      int64_t value = 0;
      std::from_chars(text_.data() + start + 2, text_.data() + at_, value, 16);
      return literal(start, value);
    }
    while (at_ < text_.size() &&
           (std::isdigit(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '.' ||
            text_[at_] == 'e' || text_[at_] == 'E' ||
            ((text_[at_] == '-' || text_[at_] == '+') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E')))) {
      ++at_;
    }
    const std::string_view digits = text_.substr(start, at_ - start);
    if (at_ < text_.size() && (text_[at_] == 'u' || text_[at_] == 'U')) ++at_;
    if (digits.find_first_of(".eE") == std::string_view::npos) {
      int64_t value = 0;
      if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc())
        fail("integer out of range");
      return literal(start, value);
    }
    double value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc())
      fail("bad number");
    return literal(start, value);
  }

  std::string quoted(bool raw) {
    const char quote = text_[at_];
    const bool triple = text_.substr(at_).starts_with(std::string(3, quote));
    at_ += triple ? 3 : 1;
    const std::string closing(triple ? 3 : 1, quote);
    std::string out;
    while (!text_.substr(at_).starts_with(closing)) {
      if (at_ >= text_.size()) fail("unterminated string");
      char c = text_[at_++];
      if (c == '\\' && !raw && at_ < text_.size()) {
        c = text_[at_++];
        static constexpr std::string_view kFrom = "nrtabfv";
        static constexpr std::string_view kTo = "\n\r\t\a\b\f\v";
        if (const size_t index = kFrom.find(c); index != std::string_view::npos) {
          c = kTo[index];
        } else if (c == 'x' && at_ + 2 <= text_.size()) {
          int code = 0;
          std::from_chars(text_.data() + at_, text_.data() + at_ + 2, code, 16);
          at_ += 2;
          c = static_cast<char>(code);
        }
      }
      out += c;
    }
    at_ += closing.size();
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::expected<std::shared_ptr<const Expr>, std::string> parse(std::string_view text) {
  if (text.size() > kMaxText)
    return std::unexpected(fmt::format("expression is longer than {} bytes", kMaxText));
  try {
    return Parser(text).whole();
  } catch (const Failure& failure) {
    return std::unexpected(failure.message);
  }
}

}  // namespace stowage::sandbox::cel
