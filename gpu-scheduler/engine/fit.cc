#include "gpu-scheduler/engine/fit.h"

#include "gpu-scheduler/engine/device_choice.h"

namespace stowage::engine {

Rejection fits_on(ClusterState& state, ClassId pod_id, NodeIndex node) {
  const auto& pod = state.compiled(pod_id);
  const auto& row = state.node(node);
  if (auto verdict = check_room(state, row, pod)) return verdict;
  if (auto verdict = check_fixed(state, *row.spec, row, pod)) return verdict;
  if (!state.cross_pod().concerns(state, pod_id)) return {};
  return {state.cross_pod().begin(state, pod_id).check(node)};
}

Choice evaluate_on(ClusterState& state, ClassId pod_id, NodeIndex node, const Policy& policy) {
  const auto& pod = state.compiled(pod_id);
  const auto& row = state.node(node);
  auto& caches = state.caches();
  const auto* pool = pool_for(row, pod);
  switch (policy.strategy) {
    case Strategy::kBestFit:
      return score_best_fit(row, pool, pod, caches.scale(state));
    case Strategy::kSpread:
      return score_spread(row, pool, pod, caches.scale(state));
    case Strategy::kFgd:
    case Strategy::kPackability:
      break;
  }
  auto& values = caches.values(policy);
  auto shape = shape_of(state, row, pool, values.model());
  return policy.strategy == Strategy::kFgd
             ? score_fgd(values, row, pool, shape, values.fragmentation(shape), pod)
             : score_packability(values, shape, pod);
}

bool still_has_room(const ClusterState& state, PodIndex pod) {
  const ClassId pod_class = state.pod(pod).pod_class;
  const NodeIndex node = state.pod(pod).node;
  ClusterState without = state.fork();
  without.remove_pod(pod);
  return !check_room(without, without.node(node), without.compiled(pod_class));
}

PodIndex assign_on(ClusterState& state, RunningPod pod, const Policy& policy) {
  const auto& compiled = state.compiled(pod.pod_class);
  if (compiled.shares()) {
    auto choice = evaluate_on(state, pod.pod_class, pod.node, policy);
    const auto& row = state.node(pod.node);
    const auto* pool = pool_for(row, compiled);
    if (pool && choice.device_free > 0) pod.devices = device_with_free(row, *pool, choice.device_free);
  }
  return state.assign(std::move(pod));
}

}  // namespace stowage::engine
