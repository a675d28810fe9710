#include "gpu-scheduler/engine/place.h"

#include <fmt/format.h>

#include <algorithm>

#include "gpu-scheduler/engine/placer.h"
#include "gpu-scheduler/engine/transaction.h"

namespace stowage::engine {
namespace {

/// A gang larger than this is a mistake; it keeps sums within range.
constexpr int64_t kMaxGang = 1'000'000;

Result<void> check_level(const ClusterState& state, std::string_view field, std::string_view level) {
  if (state.level_index(level)) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{}: \"{}\" is not a topology level of the policy", field, level));
}

}  // namespace

Result<void> validate(const ClusterState& state, const Demand& demand) {
  if (demand.parts.empty()) return fail(Code::kInvalidArgument, "parts: the demand has none");
  int64_t total = 0;
  for (const auto& part : demand.parts) {
    if (part.pod_class >= state.class_count()) {
      return fail(Code::kInvalidArgument, fmt::format("parts.class: {} is not interned", part.pod_class));
    }
    if (part.count < 1)
      return fail(Code::kInvalidArgument, fmt::format("parts.count: {} is below 1", part.count));
    if (!part.members.empty() && part.members.size() != static_cast<size_t>(part.count)) {
      return fail(Code::kInvalidArgument,
                  fmt::format("parts.members: {} are named, count is {}", part.members.size(), part.count));
    }
    if (!demand.subgroups.empty() &&
        (part.subgroup < 0 || static_cast<size_t>(part.subgroup) >= demand.subgroups.size())) {
      return fail(Code::kInvalidArgument,
                  fmt::format("parts.subgroup: {} of {} sub-groups", part.subgroup, demand.subgroups.size()));
    }
    total += part.count;
  }
  if (total > kMaxGang) {
    return fail(Code::kInvalidArgument,
                fmt::format("parts: {} pods in one gang, at most {}", total, kMaxGang));
  }
  if (demand.topology.mode != TopologyRequest::Mode::kNone) {
    TRY_VOID(check_level(state, "topology.level", demand.topology.level));
  }
  for (const auto& group : demand.subgroups) {
    if (group.topology.mode != TopologyRequest::Mode::kNone) {
      TRY_VOID(check_level(state, "subgroups.topology.level", group.topology.level));
    }
  }
  if (!demand.spread.level.empty()) {
    TRY_VOID(check_level(state, "spread.level", demand.spread.level));
    if (demand.spread.max_skew < 1)
      return fail(Code::kInvalidArgument,
                  fmt::format("spread.max_skew: {} is below 1", demand.spread.max_skew));
  }
  for (NodeIndex node : demand.joined) {
    if (!state.has_node(node))
      return fail(Code::kInvalidArgument, "joined: a node that is not in the cluster");
  }
  return {};
}

Decision place(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget) {
  Transaction transaction(state);
  Placer placer(state, demand, policy, budget);
  Decision decision;
  if (placer.run()) {
    decision.bindings = placer.bindings();
    std::ranges::stable_sort(decision.bindings, [](const Binding& a, const Binding& b) {
      return std::pair(a.part, a.member) < std::pair(b.part, b.member);
    });
    transaction.commit();
  }
  decision.why = placer.take_explanation();
  return decision;
}

void forget(ClusterState& state, const Decision& decision) {
  for (const auto& binding : decision.bindings) {
    if (state.has_pod(binding.pod)) state.remove_pod(binding.pod);
  }
}

std::vector<NodeIndex> feasible_nodes(ClusterState& state, ClassId pod_class) {
  const auto& pod = state.compiled(pod_class);
  std::optional<CrossPod::Query> query;
  if (state.cross_pod().concerns(state, pod_class)) query = state.cross_pod().begin(state, pod_class);
  std::vector<NodeIndex> out;
  for (NodeIndex node : state.nodes_in_order()) {
    const auto& row = state.node(node);
    if (check_fixed(state, *row.spec, row, pod) || check_room(state, row, pod)) continue;
    if (query && query->check(node) != Reason::kNone) continue;
    out.push_back(node);
  }
  std::ranges::sort(out, {}, [&](NodeIndex node) -> const std::string& { return state.node_name(node); });
  return out;
}

}  // namespace stowage::engine
