#pragma once

#include "gpu-scheduler/engine/best_node.h"

namespace stowage::engine {

/// Where a share opens an idle device at the least loss, scarce products priced, although it may fit beside
/// others: for callers that can move it away later, when a whole device is asked for. kNone when the class is
/// no share, a rule between pods concerns it, or it fits on no idle device. Ties by rank, then name. O(nodes)
/// after a change of the layout, else O(changed nodes).
BestNode best_idle_device(ClusterState& state, ClassId pod, const Policy& policy);

}  // namespace stowage::engine
