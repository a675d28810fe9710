#include "gpu-scheduler/engine/best_node.h"

#include "gpu-scheduler/engine/class_cache.h"

namespace stowage::engine {

BestNode best_node(ClusterState& state, ClassId pod, const Policy& policy) {
  auto& cache = state.caches().get(state, pod, policy, false);
  const auto price = state.caches().group_prices(state, policy, state.compiled(pod));
  const auto& winners = cache.trees.best();
  BestNode best;
  for (uint32_t group = 0; group < winners.size(); ++group) {
    if (winners[group] == ClassCache::kInfeasible) continue;
    const int64_t score = winners[group] - price[group];
    if (best.node != kNone && score < best.score) continue;
    const NodeIndex node = cache.trees.winner(group);
    if (best.node == kNone || score > best.score || state.order_of(node) < state.order_of(best.node))
      best = {node, -1, score};
  }
  if (best.node != kNone) best.device_free = cache.entries[best.node].device_free;
  return best;
}

}  // namespace stowage::engine
