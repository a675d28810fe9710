#pragma once

#include "base/work_budget.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/decision.h"
#include "gpu-scheduler/engine/demand.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {

/// Which running pods would have to go so that the demand fits, and where it would then run. The state is
/// left as it was; the bindings' `pod` is kNone.
///
/// Victims have strictly lower priority (so no cycle of preemptions can arise), are movable, are not
/// protected at `now` (seconds on the caller's clock, see RunningPod::protected_until), are taken by whole
/// groups, and never exceed what their PodDisruptionBudgets allow. They are chosen and listed in the order in
/// which they should leave: lowest priority first, at equal priority those that no budget covers, then fewest
/// pods. A single pod takes the node where the most important victim matters least, then where fewest pods
/// leave.
///
/// A plan is returned only when the demand was placed on the state without the victims; no victim of it can
/// be spared. A demand that fits as it is gets bindings and no victim. Not placed, with reason
/// "NoPreemption", when the policy or the demand forbids it or no such plan is found within
/// policy.max_victims; with "WorkBudget" when that is spent. O(nodes + pods) for a single pod; for a gang
/// O(groups) placements.
Decision preempt(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget,
                 int64_t now = 0);

}  // namespace stowage::engine
