#pragma once

#include <optional>

#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {

/// One node and one class, without looking at any other node: for holes that just opened, moves and checks.

/// Why the node cannot take a pod of the class now; kNone when it can. Rules between pods included.
Rejection fits_on(ClusterState& state, ClassId pod, NodeIndex node);

/// The policy's choice of device on a node that fits, and its score (higher is better, weighted).
Choice evaluate_on(ClusterState& state, ClassId pod, NodeIndex node, const Policy& policy);

/// Assigns the pod to `pod.node` with the devices that the policy would take. The pod fits.
PodIndex assign_on(ClusterState& state, RunningPod pod, const Policy& policy);

/// Whether the pod's node had room for it if it came last of all: false when others have taken, meanwhile,
/// what it asks for. Forks the state: for single questions.
bool still_has_room(const ClusterState& state, PodIndex pod);

}  // namespace stowage::engine
