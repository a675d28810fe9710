#pragma once

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {

/// Where the policy would put one pod, and what that is worth.
struct BestNode {
  NodeIndex node = kNone;    ///< kNone: no node has room.
  int32_t device_free = -1;  ///< For a share: the free thousandths of the device to take.
  int64_t score = 0;         ///< Weighted, prices of scarce products included; higher is better.
};

/// The best node for one pod of a class that no rule between pods concerns: the winner of the cached scores,
/// ties by rank, then name. O(products) when nothing changed, else O(changed nodes x log nodes) first.
BestNode best_node(ClusterState& state, ClassId pod, const Policy& policy);

}  // namespace stowage::engine
