#include "sandbox/apiserver/custom/rule_costs.h"

#include <fmt/format.h>

#include <algorithm>

#include "sandbox/apiserver/cel/sizes.h"

namespace stowage::sandbox {
namespace {

constexpr uint64_t kOfExpression = 10'000'000;   // StaticEstimatedCostLimit
constexpr uint64_t kOfDefinition = 100'000'000;  // StaticEstimatedCRDCostLimit
constexpr size_t kNamed = 4;
constexpr const char* kReason = "FieldValueForbidden";

std::string exceeds(const char* what, uint64_t cost, uint64_t limit) {
  const double factor = static_cast<double>(cost) / static_cast<double>(limit);
  // Not "1.0x"; and far above it the figure says nothing.
  const std::string shown = factor > 100   ? "more than 100x"
                            : factor < 1.5 ? fmt::format("{:.6f}x", factor)
                                           : fmt::format("{:.1f}x", factor);
  return fmt::format(
      "Forbidden: {} exceeds budget by factor of {} (try simplifying the rule, or adding maxItems, "
      "maxProperties, and maxLength where arrays, maps, and strings are declared)",
      what, shown);
}

}  // namespace

void RuleCosts::add(const char* what, uint64_t cost, const std::string& path, std::vector<Cause>& causes) {
  if (cost > kOfExpression) causes.push_back({kReason, exceeds(what, cost, kOfExpression), path});
  total_ = cel::plus(total_, cost);
  if (cost < kOfDefinition / 100) return;
  const auto at = std::ranges::upper_bound(dearest_, cost, std::greater<>(), &Dear::cost);
  dearest_.insert(at, {cost, path});
  if (dearest_.size() > kNamed) dearest_.pop_back();
}

void RuleCosts::finish(const std::string& schema_path, std::vector<Cause>& causes) const {
  if (total_ <= kOfDefinition) return;
  for (const Dear& rule : dearest_) {
    causes.push_back({kReason,
                      "Forbidden: contributed to estimated rule cost total exceeding cost limit for entire "
                      "OpenAPIv3 schema",
                      rule.path});
  }
  causes.push_back({kReason,
                    exceeds("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema",
                            total_, kOfDefinition),
                    schema_path});
}

}  // namespace stowage::sandbox
