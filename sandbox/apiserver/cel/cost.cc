// What evaluation costs. Model: cel-go's interpreter/runtimecost.go with the functions of Kubernetes'
// apiserver/pkg/cel/library/cost.go; factors from cel-go's common/cost.go. Lengths are in bytes here.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/cel/eval.h"
#include "sandbox/apiserver/regex.h"

namespace stowage::sandbox::cel {
namespace {

using Args = std::vector<Value>;

constexpr int64_t kTextPerUnit = 10;    // StringTraversalCostFactor 0.1
constexpr int64_t kPatternPerUnit = 4;  // RegexStringLengthCostFactor 0.25

int64_t per(int64_t amount, int64_t unit) {
  return (amount + unit - 1) / unit;
}

/// Length of texts, lists and maps; 1 of all others.
int64_t size_of(const Value& value) {
  if (const auto* s = std::get_if<std::string>(&value)) return static_cast<int64_t>(s->size());
  if (const auto* t = std::get_if<Tree>(&value)) return static_cast<int64_t>((*t)->size());
  return 1;
}

int64_t size_at(const Args& args, size_t i) {
  return i < args.size() ? size_of(args[i]) : 1;
}

int64_t traversal(const Json& tree) {
  if (tree.is_string()) return static_cast<int64_t>(tree.get_ref<const std::string&>().size()) / kTextPerUnit;
  if (!tree.is_structured()) return 1;
  int64_t out = 0;
  for (auto it = tree.begin(); it != tree.end(); ++it)
    out += traversal(*it) + (tree.is_object() ? static_cast<int64_t>(it.key().size()) / kTextPerUnit : 0);
  return out;
}

template <size_t N>
bool one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 6> kWalks = {"isSorted", "sum",     "max",
                                                    "min",      "indexOf", "lastIndexOf"};
constexpr std::array<std::string_view, 6> kOnce = {"lowerAscii", "upperAscii", "substring",
                                                   "trim",       "quantity",   "isQuantity"};
/// What passes values on, or asks only for their size or kind.
constexpr std::array<std::string_view, 7> kPassing = {"size",    "dyn",      "type", "value",
                                                      "orValue", "hasValue", "or"};

}  // namespace

int64_t call_cost(const std::string& name, const Args& args) {
  if (args.empty() || name == "join") return 0;
  if (name == "startsWith" || name == "endsWith") return per(size_at(args, 1), kTextPerUnit);
  if (name == "matches")
    return per(size_at(args, 0) + 1, kTextPerUnit) * per(size_at(args, 1), kPatternPerUnit);
  if (name == "contains") return per(size_at(args, 0), kTextPerUnit) * per(size_at(args, 1), kTextPerUnit);
  if (one_of(name, kWalks)) {
    const auto* tree = std::get_if<Tree>(&args[0]);
    return tree != nullptr ? traversal(**tree) : size_at(args, 0) / kTextPerUnit;
  }
  if (one_of(name, kOnce)) return per(size_at(args, 0), kTextPerUnit);
  if (name == "replace" || name == "split") return per(2 * size_at(args, 0), kTextPerUnit);
  return 1;
}

int64_t result_cost(const std::string& name, const Value& result) {
  return name == "join" ? per(2 * size_of(result), kTextPerUnit) : 0;
}

int64_t operator_cost(const std::string& op, const Value& a, const Value& b) {
  if (op == "in") return std::holds_alternative<Tree>(b) && std::get<Tree>(b)->is_array() ? size_of(b) : 1;
  if (op == "==" || op == "!=") return per(std::min(size_of(a), size_of(b)), kTextPerUnit);
  if (!std::holds_alternative<std::string>(a) || !std::holds_alternative<std::string>(b)) return 1;
  return per(op == "+" ? size_of(a) + size_of(b) : std::min(size_of(a), size_of(b)), kTextPerUnit);
}

int64_t bytes_of(const Json& tree) {
  constexpr int64_t kNode = 16;
  int64_t out = kNode;
  if (tree.is_string()) return out + static_cast<int64_t>(tree.get_ref<const std::string&>().size());
  if (!tree.is_structured()) return out;
  for (auto it = tree.begin(); it != tree.end(); ++it)
    out += bytes_of(*it) + (tree.is_object() ? static_cast<int64_t>(it.key().size()) : 0);
  return out;
}

int64_t bytes_of(const Value& value) {
  if (const auto* s = std::get_if<std::string>(&value)) return static_cast<int64_t>(s->size());
  if (const auto* t = std::get_if<Tree>(&value)) return bytes_of(**t);
  return 1;
}

int64_t call_bytes(const std::string& name, const Args& args) {
  if (one_of(name, kPassing)) return 1;
  int64_t out = 1;
  for (const Value& arg : args)
    out += bytes_of(arg);
  const auto* text = args.empty() ? nullptr : std::get_if<std::string>(&args[0]);
  const auto* other = args.size() < 2 ? nullptr : std::get_if<std::string>(&args[1]);
  if (text == nullptr) return out;
  if (name == "split") return out + 32 * static_cast<int64_t>(text->size());  // a value for each byte
  if (other == nullptr) return out;
  if (name == "matches") {
    const auto regex = compile_regex(*other);
    return regex == nullptr ? out : out + most_steps(*regex, *text) / 8;
  }
  // The search for one text in another compares all of both, at worst.
  const bool searches = name == "contains" || name == "indexOf" || name == "lastIndexOf" || name == "replace";
  const auto pairs = static_cast<int64_t>(text->size() * other->size());
  return searches ? out + pairs / 32 : out;
}

}  // namespace stowage::sandbox::cel
