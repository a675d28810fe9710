#include "gpu-scheduler/engine/node_terms.h"

#include <algorithm>

#include "gpu-scheduler/engine/filters_k8s.h"

namespace stowage::engine {
namespace {

/// The strategies' weight, and that of wishes that no policy weighs.
constexpr int64_t kHundred = 100;

}  // namespace

NodeTerms node_terms(const NodeRow& row, const CompiledClass& pod, const Policy& policy,
                     const ClusterScale& scale) {
  NodeTerms out;
  if (row.plain && pod.plain) return out;
  const auto& spec = *row.spec;
  // Prices go up to 2^60: the product needs more.
  if (spec.price_micro > 0)
    out.cost =
        -static_cast<int64_t>(__int128{policy.cost} * 100 * kPoint * spec.price_micro / scale.price_micro);
  if (!pod.spec.model.empty() && std::ranges::binary_search(spec.cached_models, pod.spec.model))
    out.weights_locality = int64_t{policy.weights_locality} * 100 * kPoint;
  if (!pod.spec.tiers.empty()) {
    const auto at = std::ranges::find(pod.spec.tiers, spec.tier) - pod.spec.tiers.begin();
    out.tier = -int64_t{at} * 100 * kHundred * kPoint;
  }
  if (const auto* pool = pool_for(row, pod); pool && pod.device_count > 0)
    out.product = -int64_t{std::max(pod.product_rank(pool->product), 0)} * 50 * kHundred * kPoint;
  if (!pod.spec.preferred_node_affinity.empty()) {
    int64_t sum = 0;
    for (const auto& term : pod.spec.preferred_node_affinity)
      sum += term.weight;
    out.node_affinity =
        preferred_node_affinity_score(pod.spec, spec) * 100 * kHundred * kPoint / std::max<int64_t>(sum, 1);
  }
  out.taints = -int64_t{std::min(untolerated_prefer_no_schedule(pod.spec, spec), 4)} * 25 * kHundred * kPoint;
  return out;
}

}  // namespace stowage::engine
