#pragma once

#include <string>

#include "base/work_budget.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/demand.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::scheduler {

/// What people should read about preemption beside a demand that does not fit: the engine can plan it, the
/// process does not carry it out. Empty when no running pod has a lower priority, or the policy forbids it;
/// else a sentence that says that nobody is evicted, and whom it would take: "Preemption is not wired: 2 pods
/// of lower priority would have to leave first: a/x on n1, a/y on n1." The state is left as it was.
std::string preemption_note(engine::ClusterState& state, const engine::Demand& demand,
                            const engine::Policy& policy, WorkBudget& budget);

}  // namespace stowage::scheduler
