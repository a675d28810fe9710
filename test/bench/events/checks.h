#pragma once

#include <map>
#include <string>

#include "gpu-scheduler/engine/place.h"

/// What must hold after every event, counted again without the engine's own counters. Each gives an empty
/// text, or what is broken.
namespace stowage::engine::events {

/// No resource, device or pod slot of a node below zero; sums are those of the pods that run there; no two
/// pods of a node want the same host port.
std::string capacity_kept(const ClusterState& state);

/// Each group has as many pods as `sizes` says, and there is no other.
std::string gangs_whole(const ClusterState& state, const std::map<std::string, int64_t>& sizes);

/// No running pod is where its own required anti-affinity, or that of another, forbids it.
std::string anti_affinity_kept(const ClusterState& state);

/// The bindings are the whole demand, inside one domain where that is required, of the whole and of each
/// sub-group.
std::string shape_kept(const ClusterState& state, const Demand& demand, const Decision& decision);

/// The same nodes and pods in a state that never knew another, nodes added last first.
ClusterState built_anew(const ClusterState& state);

/// The demand with the classes of another state.
Demand carried_over(const ClusterState& from, const Demand& demand, ClusterState& to);

/// Nodes by name, and devices, of a decision.
std::string placement_of(const ClusterState& state, const Decision& decision);

}  // namespace stowage::engine::events
