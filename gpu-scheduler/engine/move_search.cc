#include "gpu-scheduler/engine/move_search.h"

#include <algorithm>

#include "gpu-scheduler/engine/best_node.h"
#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/device_choice.h"
#include "gpu-scheduler/engine/interner.h"
#include "gpu-scheduler/engine/node_worth.h"
#include "gpu-scheduler/engine/transaction.h"

namespace stowage::engine {

std::vector<PodIndex> MoveSearch::movable(NodeIndex node) {
  const auto& index = state_.caches().victims(state_);
  std::vector<PodIndex> out;
  for (const auto& share : index.on(node)) {
    const auto& group = index.group(share.group);
    if (group.pods.size() != 1 || group.protected_until > now_) continue;
    if (state_.pod(group.pods.front()).spread_key.empty()) out.push_back(group.pods.front());
  }
  std::ranges::sort(out);
  return out;
}

int64_t MoveSearch::leaving(PodIndex pod) {
  const auto [node, pod_class] = std::pair(state_.pod(pod).node, state_.pod(pod).pod_class);
  const int64_t pays = standing_cost(state_, pod_class, node, policy_);
  const int64_t with = node_worth(state_, node, policy_);
  Transaction transaction(state_);
  state_.remove_pod(pod);
  return node_worth(state_, node, policy_) - with + pays;
}

MoveSearch::Place MoveSearch::destination(ClassId pod, NodeIndex except, DomainId domain) {
  const bool crossed = state_.cross_pod().concerns(state_, pod);
  if (!crossed && domain == kNone) {
    if (!budget_.spend()) return {};
    const auto best = best_node(state_, pod, policy_);
    if (best.node != except || best.node == kNone) return {best.node, best.device_free, best.score};
  }
  const auto& cache = state_.caches().get(state_, pod, policy_, false);
  const auto nodes =
      domain == kNone ? state_.nodes_in_order() : std::span<const NodeIndex>(state_.domains()[domain].nodes);
  if (!budget_.spend(static_cast<int64_t>(nodes.size()))) return {};
  const auto price = state_.caches().group_prices(state_, policy_, state_.compiled(pod));
  std::optional<CrossPod::Query> query;
  if (crossed) query = state_.cross_pod().begin(state_, pod);
  Place best;
  for (const NodeIndex node : nodes) {
    if (node == except || cache.scores[node] == ClassCache::kInfeasible) continue;
    const int64_t score = cache.scores[node] - price[cache.group_of(node)];
    if (best.node != kNone && score <= best.score) continue;
    if (query && query->check(node) != Reason::kNone) continue;
    best = {node, cache.entries[node].device_free, score};
  }
  return best;
}

Move MoveSearch::move_to(PodIndex pod, const Place& place) const {
  const auto& running = state_.pod(pod);
  const auto& wanted = state_.compiled(running.pod_class);
  Move move{.pod = pod, .uid = running.uid, .name = running.name, .from = running.node, .to = place.node};
  const auto& row = state_.node(place.node);
  const auto* pool = pool_for(row, wanted);
  if (pool == nullptr || wanted.device_count == 0) return move;
  move.devices = wanted.shares() ? device_with_free(row, *pool, place.device_free)
                                 : choose_idle(row, *pool, wanted.device_count);
  return move;
}

}  // namespace stowage::engine
