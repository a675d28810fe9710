#pragma once

#include <cstdint>
#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/demand_model.h"
#include "gpu-scheduler/engine/node_kinds.h"

namespace stowage::engine {

/// How scarce each kind of node is for the demand that can use no other: pods that insist on a product, or
/// are so large that few kinds can hold them even when empty. Derivation: docs/design/packability.md.
class PoolPrices {
 public:
  /// Follows the state's change log. O(changed nodes), and O(sets x kinds) when free devices changed.
  void update(const ClusterState& state, const NodeKinds& kinds, const DemandModel& model);

  /// How much faster than the whole cluster the kind would fill up with the demand that needs it, in 1/1024
  /// of the free devices: sum over the sets S of kinds that hold some of the demand, and this kind is in, of
  /// share_S x (free devices / free devices in S - 1). 0: no kind is preferable.
  [[nodiscard]] int64_t scarcity(uint32_t kind) const { return scarcity_[kind]; }

 private:
  /// The kinds that can hold some of the demand, and its share of the GPU demand in 1/kWeightSum.
  struct Pool {
    uint64_t kinds;
    int64_t share;
  };
  void reset(const ClusterState& state, const NodeKinds& kinds, const DemandModel& model);
  void find_pools(const ClusterState& state, const NodeKinds& kinds, const DemandModel& model);

  uint64_t layout_ = 0;
  uint64_t log_ = 0;
  uint64_t model_ = 0;
  bool stale_ = true;
  std::vector<Pool> pools_;
  std::vector<int64_t> node_free_;  ///< Thousandths, by node.
  std::vector<int64_t> kind_free_;
  std::vector<int64_t> scarcity_;
};

}  // namespace stowage::engine
