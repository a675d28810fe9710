#include "gpu-scheduler/preemption_note.h"

#include <fmt/format.h>

#include "gpu-scheduler/engine/preempt.h"

namespace stowage::scheduler {
namespace {

/// Names that a message carries; the others are counted.
constexpr size_t kMostNames = 3;

/// A look at each pod is much cheaper than the index of victims, which most clusters never need.
bool lower_priority_runs(const engine::ClusterState& state, int32_t priority) {
  for (engine::PodIndex pod = 0; pod < state.pod_limit(); ++pod) {
    if (state.has_pod(pod) && state.pod(pod).priority < priority && !state.pod(pod).terminating) return true;
  }
  return false;
}

}  // namespace

std::string preemption_note(engine::ClusterState& state, const engine::Demand& demand,
                            const engine::Policy& policy, WorkBudget& budget) {
  if (!policy.preemption || !lower_priority_runs(state, demand.priority)) return {};
  engine::Demand willing = demand;
  willing.may_preempt = true;
  const engine::Decision plan = engine::preempt(state, willing, policy, budget);
  if (plan.evictions.empty()) {
    return plan.why.reason == "WorkBudget" ? " Preemption is not wired: pods of lower priority stay."
                                           : " Preemption is not wired, and no set of pods of lower priority "
                                             "would make room.";
  }
  std::string out =
      fmt::format(" Preemption is not wired: {} pod{} of lower priority would have to leave first: ",
                  plan.evictions.size(), plan.evictions.size() == 1 ? "" : "s");
  for (size_t i = 0; i < plan.evictions.size() && i < kMostNames; ++i) {
    const engine::Victim& victim = plan.evictions[i];
    out += fmt::format("{}{} on {}", i == 0 ? "" : ", ", victim.name, state.node_name(victim.node));
  }
  if (plan.evictions.size() > kMostNames)
    out += fmt::format(" and {} more", plan.evictions.size() - kMostNames);
  return out + ".";
}

}  // namespace stowage::scheduler
