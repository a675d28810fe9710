#include "gpu-scheduler/replay/openb_moves.h"

#include <algorithm>

#include "gpu-scheduler/engine/demand_model.h"
#include "gpu-scheduler/engine/device_choice.h"
#include "gpu-scheduler/engine/idle_device.h"
#include "gpu-scheduler/engine/interner.h"
#include "gpu-scheduler/engine/move_plan.h"
#include "gpu-scheduler/engine/node_worth.h"
#include "gpu-scheduler/engine/place.h"
#include "gpu-scheduler/engine/scorer.h"

namespace stowage::replay {
namespace {

/// Idle devices per move left below which small shares open them; 20 gives the same, 30 costs 0.4 points at
/// 100 % of arrivals.
constexpr int64_t kIdlePerMove = 16;
/// Two of them fit on a device: 330 instead costs 0.1 points.
constexpr int32_t kSmallShare = 500;
/// A plan may lose this much more than the demand is worth. On openb whole devices need 103 % at the most,
/// the shares of 810, which leave a useless hole, 125 %.
constexpr int64_t kLossPercent = 110;

/// Whether enough whole devices are asked for to take, later, those that small shares opened: at half their
/// demand it gains still, without any it costs points.
bool whole_devices_follow(const engine::DemandModel& model) {
  int64_t whole = 0;
  int64_t small = 0;
  for (const auto& entry : model.entries()) {
    if (entry.count == 1 && entry.milli == engine::kWholeDevice) whole += entry.weight * entry.milli;
    if (entry.count == 1 && entry.milli <= kSmallShare) small += entry.weight * entry.milli;
  }
  return 2 * whole >= small;
}

}  // namespace

/// By worth where the policy has that scale; else whoever takes devices whole is let in.
bool OpenbMoves::worth_it(const engine::MovePlan& plan, const engine::CompiledClass& pod) const {
  const int64_t worth = engine::worth_of_demand(pod, policy_);
  return worth > 0 ? 100 * plan.gain >= -kLossPercent * worth : pod.device_count > 0 && !pod.shares();
}

OpenbMoves::OpenbMoves(engine::ClusterState& state, const engine::Policy& policy, int32_t permyriad)
    : state_(state), policy_(policy), permyriad_(permyriad) {
  opens_ = policy.strategy == engine::Strategy::kPackability &&
           whole_devices_follow(policy.model ? *policy.model : *engine::DemandModel::builtin());
}

int64_t OpenbMoves::left() const {
  return static_cast<int64_t>(state_.pod_count()) * permyriad_ / 10'000 - made_;
}

int64_t OpenbMoves::idle_devices() const {
  int64_t count = 0;
  for (const engine::NodeIndex node : state_.nodes_in_order())
    count += std::ranges::count(state_.node(node).device_free, engine::kWholeDevice);
  return count;
}

bool OpenbMoves::place_apart(engine::ClassId pod) {
  const auto& wanted = state_.compiled(pod);
  if (!opens_ || !wanted.shares() || wanted.device_milli > kSmallShare) return false;
  if (left() < 1 || idle_devices() > kIdlePerMove * left()) return false;
  const auto best = engine::best_idle_device(state_, pod, policy_);
  if (best.node == engine::kNone) return false;
  const auto& row = state_.node(best.node);
  const auto* pool = engine::pool_for(row, wanted);
  state_.assign({.pod_class = pod,
                 .node = best.node,
                 .devices = engine::device_with_free(row, *pool, engine::kWholeDevice)});
  return true;
}

Result<bool> OpenbMoves::make_room(const engine::Demand& demand) {
  const engine::ClassId pod = demand.parts.front().pod_class;
  if (left() < 1 || hopeless_.contains(pod)) return false;
  auto budget = WorkBudget::unlimited();
  const auto plan = engine::make_room(state_, demand, policy_, {.max_moves = 1}, budget);
  if (plan.bindings.empty() || !worth_it(plan, state_.compiled(pod))) {
    hopeless_.insert(pod);
    return false;
  }
  for (const auto& move : plan.moves)
    TRY_VOID(engine::make_move(state_, move));
  if (!engine::place(state_, demand, policy_, budget).placed())
    return fail(Code::kInternal, "openb: a plan of moves made no room");
  made_ += static_cast<int64_t>(plan.moves.size());
  hopeless_.clear();
  return true;
}

}  // namespace stowage::replay
