#include "gpu-scheduler/engine/idle_device.h"

#include <algorithm>

#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/interner.h"

namespace stowage::engine {

BestNode best_idle_device(ClusterState& state, ClassId pod, const Policy& policy) {
  const auto& wanted = state.compiled(pod);
  if (!wanted.shares() || state.cross_pod().concerns(state, pod)) return {};
  const auto& cache = state.caches().get(state, pod, policy, false);
  auto& values = state.caches().values(policy);
  const auto price = state.caches().group_prices(state, policy, wanted);
  BestNode best;
  for (const NodeIndex node : state.nodes_in_order()) {
    if (cache.scores[node] == ClassCache::kInfeasible) continue;
    const auto& row = state.node(node);
    const auto* pool = pool_for(row, wanted);
    if (pool == nullptr) continue;
    const auto shape = shape_of(state, row, pool, values.model());
    if (shape.devices == 0 || shape.free[shape.devices - 1] != kWholeDevice) continue;
    const auto after = shape.after_share(shape.devices - 1, wanted.device_milli, wanted.cpu_milli);
    const int64_t loss = (values.potential(shape) - values.potential(after)) * kPoint / (10 * kPotentialUnit);
    const int64_t score = -policy.fragmentation * loss + cache.entries[node].fixed_bonus -
                          cache.entries[node].standing_price - price[cache.group_of(node)];
    if (best.node == kNone || score > best.score) best = {node, kWholeDevice, score};
  }
  return best;
}

}  // namespace stowage::engine
