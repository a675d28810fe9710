#include "gpu-scheduler/engine/best_node.h"

#include "gpu-scheduler/engine/class_cache.h"

namespace stowage::engine {

BestNode best_node(ClusterState& state, ClassId pod, const Policy& policy) {
  auto& cache = state.caches().get(state, pod, policy, false);
  const auto& compiled = state.compiled(pod);
  BestNode best;
  for (uint32_t group = 0; group < cache.groups.size(); ++group) {
    NodeIndex node = cache.winner(group);
    if (node == kNone) continue;
    int64_t score = cache.scores[node] - state.caches().group_price(state, policy, group, compiled);
    if (best.node == kNone || score > best.score ||
        (score == best.score && state.order_of(node) < state.order_of(best.node))) {
      best = {node, cache.entries[node].device_free, score};
    }
  }
  return best;
}

}  // namespace stowage::engine
