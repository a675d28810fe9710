#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace stowage::sandbox::cel {

using Json = nlohmann::json;
struct Expr;

/// What evaluations may still take, shared by all rules of one object; negative when it was not enough.
struct Budget {
  /// In the units of cel-go's interpreter/runtimecost.go; Kubernetes' RuntimeCELCostBudget.
  int64_t cost = 10'000'000;
  /// Copied, compared or searched on the way: what that model counts as free and is not free here.
  int64_t bytes = int64_t{512} << 20;
};

/// The error of an evaluation that took more than its share: more than 1,000,000 units, or all that was left.
inline constexpr std::string_view kCostExceeded = "operation cancelled: actual cost limit exceeded";

/// A compiled expression of the Common Expression Language: the part that CRD rules use (operators, macros,
/// strings, lists, maps, conversions, quantity, duration, timestamp, optional selection). Language:
/// https://github.com/google/cel-spec, Kubernetes libraries as documented with CRD validation rules.
class Program {
 public:
  /// Error: a sentence with the position of the mistake.
  static std::expected<Program, std::string> compile(std::string_view text);

  /// Evaluates with the given variables, which must outlive the call, and takes what it cost from the budget.
  /// Error: a sentence ("no such key: x", kCostExceeded).
  [[nodiscard]] std::expected<bool, std::string> test(const std::map<std::string, const Json*>& variables,
                                                      Budget& budget) const;
  /// The same for expressions that make a string.
  [[nodiscard]] std::expected<std::string, std::string> text(
      const std::map<std::string, const Json*>& variables, Budget& budget) const;

  /// The syntax tree; lives as long as the program.
  [[nodiscard]] const Expr& root() const { return *root_; }

  /// True if the variable is mentioned.
  [[nodiscard]] bool mentions(std::string_view variable) const;

 private:
  explicit Program(std::shared_ptr<const Expr> root) : root_(std::move(root)) {}
  std::shared_ptr<const Expr> root_;
};

}  // namespace stowage::sandbox::cel
