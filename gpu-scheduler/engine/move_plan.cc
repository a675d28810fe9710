#include "gpu-scheduler/engine/move_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "gpu-scheduler/engine/fit.h"
#include "gpu-scheduler/engine/interner.h"
#include "gpu-scheduler/engine/move_search.h"
#include "gpu-scheduler/engine/scorer.h"
#include "gpu-scheduler/engine/transaction.h"

namespace stowage::engine {
namespace {

/// The devices that the move names are as free as the pod needs them.
bool devices_free(const NodeRow& row, uint64_t devices, const CompiledClass& wanted) {
  if (devices == 0) return true;
  if (std::popcount(devices) != wanted.device_count) return false;
  for (; devices != 0; devices &= devices - 1) {
    const auto at = static_cast<size_t>(std::countr_zero(devices));
    if (at >= row.device_free.size() || row.device_free[at] < wanted.device_milli) return false;
  }
  return true;
}

}  // namespace

Result<PodIndex> make_move(ClusterState& state, const Move& move) {
  if (!state.has_pod(move.pod) || state.pod(move.pod).node != move.from) {
    return fail(Code::kNotFound, fmt::format("move of pod {}: it no longer runs where it did", move.name));
  }
  if (!state.has_node(move.to)) {
    return fail(Code::kNotFound, fmt::format("move of pod {}: its new node is gone", move.name));
  }
  auto pod = state.pod(move.pod);
  if (fits_on(state, pod.pod_class, move.to) ||
      !devices_free(state.node(move.to), move.devices, state.compiled(pod.pod_class))) {
    return fail(Code::kConflict, fmt::format("move of pod {}: its place on node {} is no longer free",
                                             move.name, state.node_name(move.to)));
  }
  pod.node = move.to;
  pod.devices = move.devices;
  // The place was free beside the running pod; in this order the pod keeps its uid and its index.
  state.remove_pod(move.pod);
  return state.assign(std::move(pod));
}

MovePlan defragment(ClusterState& state, const Policy& policy, const MoveLimits& limits, WorkBudget& budget) {
  MovePlan plan;
  MoveSearch search(state, policy, limits.now, budget);
  Transaction transaction(state);
  const int64_t least = std::max(limits.min_gain, 1) * kPoint * std::max(policy.fragmentation, 1);
  std::map<NodeIndex, std::pair<uint64_t, std::vector<std::pair<PodIndex, int64_t>>>> known;
  std::vector<PodIndex> moved;
  while (plan.moves.size() < static_cast<size_t>(std::max(limits.max_moves, 0)) && !budget.exhausted()) {
    std::map<std::pair<ClassId, NodeIndex>, MoveSearch::Place> places;
    int64_t most = least - 1;
    std::optional<std::pair<PodIndex, MoveSearch::Place>> best;
    for (const NodeIndex node : state.nodes_in_order()) {
      auto& [version, leavers] = known[node];
      if (version != state.node_version(node)) {
        leavers.clear();
        for (const PodIndex pod : search.movable(node)) {
          if (!budget.spend()) break;
          leavers.emplace_back(pod, search.leaving(pod));
        }
        version = state.node_version(node);
      }
      for (const auto& [pod, gain] : leavers) {
        if (gain <= most || std::ranges::find(moved, pod) != moved.end()) continue;
        const ClassId pod_class = state.pod(pod).pod_class;
        auto [at, fresh] = places.try_emplace({pod_class, kNone});
        if (fresh) at->second = search.destination(pod_class, kNone);
        if (at->second.node == node) {
          std::tie(at, fresh) = places.try_emplace({pod_class, node});
          if (fresh) at->second = search.destination(pod_class, node);
        }
        if (at->second.node == kNone || gain + at->second.score <= most) continue;
        most = gain + at->second.score;
        best = {pod, at->second};
      }
    }
    if (!best) break;
    const auto move = search.move_to(best->first, best->second);
    const auto index = make_move(state, move);
    if (!index) break;
    moved.push_back(*index);
    plan.moves.push_back(move);
    plan.gain += most;
  }
  return plan;
}

}  // namespace stowage::engine
