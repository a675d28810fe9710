#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "gpu-scheduler/engine/placer.h"
#include "gpu-scheduler/engine/transaction.h"

/// Why a demand does not fit, and what would help. Every relaxation is run on the state and undone.
namespace stowage::engine {
namespace {

bool fits(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget) {
  Transaction transaction(state);
  return Placer(state, demand, policy, budget).run();
}

/// The demand with every class changed by `edit`; nullopt when nothing changes or a class becomes invalid.
template <class Edit>
std::optional<Demand> relaxed(ClusterState& state, const Demand& demand, Edit edit) {
  Demand out = demand;
  bool changed = false;
  for (auto& part : out.parts) {
    PodClass pod = state.pod_class(part.pod_class);
    PodClass before = pod;
    edit(pod);
    if (pod == before) continue;
    auto id = state.intern(pod);
    if (!id) return std::nullopt;
    part.pod_class = *id;
    changed = true;
  }
  return changed ? std::optional(std::move(out)) : std::nullopt;
}

/// The node that passes every filter but room and lacks least; kNone when no node passes them.
NodeIndex nearest_node(ClusterState& state, ClassId pod_id) {
  const auto& pod = state.compiled(pod_id);
  using Lack = std::tuple<int64_t, int64_t, int64_t>;
  NodeIndex nearest = kNone;
  Lack least;
  for (NodeIndex node : state.nodes_in_order()) {
    const auto& row = state.node(node);
    if (check_fixed(state, *row.spec, row, pod)) continue;
    int64_t devices = 0;
    if (pod.device_count > 0) {
      const auto* pool = pool_for(row, pod);
      int64_t free = 0;
      for (int32_t i = 0; pool && i < pool->count; ++i) {
        const int64_t left = row.device_free[static_cast<size_t>(pool->first + i)];
        free = pod.shares() ? std::max(free, left) : free + (left == kWholeDevice ? left : 0);
      }
      devices = std::max<int64_t>(0, pod.device_demand() - free);
    }
    const Lack lack{devices, std::max<int64_t>(0, pod.cpu_milli - row.free_cpu_milli),
                    std::max<int64_t>(0, pod.memory_bytes - row.free_memory_bytes)};
    if (nearest == kNone || lack < least) nearest = node, least = lack;
  }
  return nearest;
}

/// Removes pods from one node, lowest priority and smallest first, until the demand fits; says how many
/// devices that frees. The nodes with the most idle devices are tried.
std::optional<std::string> freed_devices(ClusterState& state, const Demand& demand, const Policy& policy,
                                         WorkBudget& budget) {
  const auto& pod = state.compiled(demand.parts.front().pod_class);
  if (pod.device_count == 0) return std::nullopt;
  std::vector<NodeIndex> nodes;
  for (NodeIndex node : state.nodes_in_order()) {
    const auto& row = state.node(node);
    if (check_fixed(state, *row.spec, row, pod)) continue;
    const auto* pool = pool_for(row, pod);
    if (pool && pool->count >= pod.device_count) nodes.push_back(node);
  }
  std::ranges::stable_sort(nodes, std::greater{},
                           [&](NodeIndex node) { return state.node(node).extended(pod.device_resource); });
  constexpr size_t kNodesTried = 3;
  nodes.resize(std::min(nodes.size(), kNodesTried));
  for (NodeIndex node : nodes) {
    Transaction transaction(state);
    int64_t idle = state.node(node).extended(pod.device_resource);
    auto pods = state.node(node).pods;
    std::ranges::stable_sort(pods, {}, [&](PodIndex index) {
      const auto& running = state.pod(index);
      return std::pair(running.priority, state.compiled(running.pod_class).device_demand());
    });
    for (PodIndex index : pods) {
      if (state.compiled(state.pod(index).pod_class).device_count == 0) continue;
      state.remove_pod(index);
      if (!fits(state, demand, policy, budget)) continue;
      int64_t freed = state.node(node).extended(pod.device_resource) - idle;
      return fmt::format("{} more of {} free on node {}", std::max<int64_t>(freed, 1),
                         state.resource_name(pod.device_resource), state.node_name(node));
    }
  }
  return std::nullopt;
}

}  // namespace

Explanation explain(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget) {
  Explanation why;
  {
    Transaction transaction(state);
    Placer placer(state, demand, policy, budget);
    placer.run();
    why = placer.take_explanation();
  }
  if (why.placed || why.reason == "InvalidDemand" || demand.parts.empty()) return why;
  if (demand.parts.size() == 1) {
    const NodeIndex node = nearest_node(state, demand.parts.front().pod_class);
    if (node != kNone) why.nearest_node = state.node_name(node);
  }
  auto try_demand = [&](const std::optional<Demand>& changed, std::string sentence) {
    if (changed && fits(state, *changed, policy, budget)) why.would_fit_if.push_back(std::move(sentence));
  };
  if (demand.topology.mode == TopologyRequest::Mode::kRequired) {
    Demand changed = demand;
    changed.topology.mode = TopologyRequest::Mode::kPreferred;
    try_demand(changed,
               fmt::format("topology level {} were preferred instead of required", demand.topology.level));
  }
  if (demand.parts.size() == 1 && demand.parts[0].count > 1) {
    Demand changed = demand;
    changed.parts[0].members.clear();
    for (int32_t count = demand.parts[0].count / 2; count >= 1; count /= 2) {
      changed.parts[0].count = count;
      if (!fits(state, changed, policy, budget)) continue;
      why.would_fit_if.push_back(
          fmt::format("the gang had {} pods instead of {}", count, demand.parts[0].count));
      break;
    }
  }
  try_demand(relaxed(state, demand, [](PodClass& pod) { pod.device.products.clear(); }),
             "any accelerator product were permitted");
  try_demand(relaxed(state, demand, [](PodClass& pod) { pod.device.memory_bytes = 0; }),
             "devices with less memory were permitted");
  try_demand(relaxed(state, demand, [](PodClass& pod) { pod.tiers.clear(); }),
             "every capacity tier were permitted");
  try_demand(relaxed(state, demand, [](PodClass& pod) { pod.residency = {}; }),
             "every region and zone were permitted");
  try_demand(relaxed(state, demand,
                     [](PodClass& pod) {
                       pod.node_selector.clear();
                       pod.required_node_affinity.clear();
                     }),
             "the node selector and node affinity were dropped");
  try_demand(
      relaxed(state, demand,
              [](PodClass& pod) { pod.tolerations = {{.key = "", .op = TolerationOperator::kExists}}; }),
      "every taint were tolerated");
  try_demand(relaxed(state, demand,
                     [](PodClass& pod) {
                       pod.requests.cpu_milli = 0;
                       pod.requests.memory_bytes = 0;
                     }),
             "it asked for less CPU and memory");
  if (auto sentence = freed_devices(state, demand, policy, budget)) why.would_fit_if.push_back(*sentence);
  return why;
}

}  // namespace stowage::engine
