#pragma once

#include <memory>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/node_value.h"

namespace stowage::replay {

/// FGD's expected fragmentation of a whole cluster (Weng et al., ATC'23): the free GPU that a typical pod
/// could not use, weighted by how frequent such pods are.
class FragmentationMeter {
 public:
  explicit FragmentationMeter(std::shared_ptr<const engine::DemandModel> model) : values_(std::move(model)) {}
  /// In thousandths of a device. O(nodes); shapes seen before are looked up.
  double measure(const engine::ClusterState& state);

 private:
  engine::NodeValues values_;
};

}  // namespace stowage::replay
