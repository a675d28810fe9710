#pragma once

#include <expected>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace stowage::sandbox::cel {

using Json = nlohmann::json;
struct Expr;

/// A compiled expression of the Common Expression Language: the part that CRD rules use (operators, macros,
/// strings, lists, maps, conversions, quantity, duration, timestamp, optional selection). Language:
/// https://github.com/google/cel-spec, Kubernetes libraries as documented with CRD validation rules.
class Program {
 public:
  /// Error: a sentence with the position of the mistake.
  static std::expected<Program, std::string> compile(std::string_view text);

  /// Evaluates with the given variables, which must outlive the call. Work is bounded; error: a sentence ("no
  /// such key: x", "cost limit exceeded").
  [[nodiscard]] std::expected<bool, std::string> test(
      const std::map<std::string, const Json*>& variables) const;
  /// The same for expressions that make a string.
  [[nodiscard]] std::expected<std::string, std::string> text(
      const std::map<std::string, const Json*>& variables) const;

  /// The syntax tree; lives as long as the program.
  [[nodiscard]] const Expr& root() const { return *root_; }

  /// True if the variable is mentioned.
  [[nodiscard]] bool mentions(std::string_view variable) const;

 private:
  explicit Program(std::shared_ptr<const Expr> root) : root_(std::move(root)) {}
  std::shared_ptr<const Expr> root_;
};

}  // namespace stowage::sandbox::cel
