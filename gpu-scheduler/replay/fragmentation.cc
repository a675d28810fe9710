#include "gpu-scheduler/replay/fragmentation.h"

#include "gpu-scheduler/engine/scorer.h"

namespace stowage::replay {

double FragmentationMeter::measure(const engine::ClusterState& state) {
  double sum = 0;
  for (engine::NodeIndex node : state.nodes_in_order()) {
    const auto& row = state.node(node);
    for (const auto& pool : row.pools) {
      sum += static_cast<double>(values_.fragmentation(engine::shape_of(state, row, &pool, values_.model())));
    }
  }
  return sum / static_cast<double>(engine::DemandModel::kWeightSum);
}

}  // namespace stowage::replay
