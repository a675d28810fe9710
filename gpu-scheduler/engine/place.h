#pragma once

#include <span>
#include <vector>

#include "base/work_budget.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/decision.h"
#include "gpu-scheduler/engine/demand.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {

/// Checks a demand against a state. Errors: kInvalidArgument naming the field: no parts, count < 1, unknown
/// class, unknown topology level, members that are not `count` many, subgroup out of range.
Result<void> validate(const ClusterState& state, const Demand& demand);

/// Places one demand whole, or leaves the state as it was. On success the state holds the pods (assumed) and
/// the decision their bindings; `state.remove_pod(binding.pod)` forgets one. An invalid demand is not placed
/// and says why. The budget counts nodes looked at: when it is spent the demand is not placed, with reason
/// "WorkBudget". Score: the policy's strategy plus weighted terms, integers; ties by node rank, then name.
Decision place(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget);

/// Forgets the pods of a placed decision.
void forget(ClusterState& state, const Decision& decision);

/// Names of the nodes that could take one pod of the class now, sorted; for comparison with kube-scheduler.
std::vector<NodeIndex> feasible_nodes(ClusterState& state, ClassId pod_class);

/// The terms of the score of the pod that was placed last, as it was then: the strategy's by its name, the
/// policy's by their words, wishes of the pod. In weighted points (100 points x the weight at most); terms
/// that are 0 are left out. The state holds the decision's pods, and does afterwards.
std::vector<ScoreTerm> explain_placement(ClusterState& state, const Demand& demand, const Decision& decision,
                                         const Policy& policy);

/// Why the demand does not fit: place()'s explanation plus the nearest node or domain and relaxations, each
/// of which was tried on the state (and undone) and found to be enough.
Explanation explain(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget);

}  // namespace stowage::engine
