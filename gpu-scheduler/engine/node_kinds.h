#pragma once

#include <cstdint>
#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"

namespace stowage::engine {

/// Nodes that are alike when empty: the same product, as many devices, about as much CPU (three leading
/// bits). Prices of scarce nodes are per kind. A cluster has at most kMost of them; further ones join a kind
/// of their product, or the last.
class NodeKinds {
 public:
  static constexpr uint32_t kMost = 64;  ///< Sets of kinds are bits of a word.

  struct Kind {
    StringId product = 0;   ///< 0: no devices.
    uint32_t devices = 0;   ///< Of the node's first pool, the most of any node of the kind.
    int64_t cpu_milli = 0;  ///< Allocatable, the most of any node of the kind.
    int64_t cpu_step = 0;   ///< cpu_milli's three leading bits; 0 without devices.
    uint32_t nodes = 0;
  };

  /// Looks at the nodes again if any came, went or changed. O(nodes x kinds).
  void update(const ClusterState& state);
  [[nodiscard]] uint32_t of(NodeIndex node) const { return of_[node]; }
  [[nodiscard]] const std::vector<uint32_t>& by_node() const { return of_; }
  [[nodiscard]] const std::vector<Kind>& kinds() const { return kinds_; }

 private:
  uint64_t layout_ = 0;
  std::vector<uint32_t> of_;
  std::vector<Kind> kinds_;
};

}  // namespace stowage::engine
