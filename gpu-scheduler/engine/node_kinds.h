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

  /// Of the nodes as they are. O(nodes x kinds).
  explicit NodeKinds(const ClusterState& state);
  /// The state's layout that this was made of.
  [[nodiscard]] uint64_t layout() const { return layout_; }
  [[nodiscard]] uint32_t of(NodeIndex node) const { return of_[node]; }
  [[nodiscard]] const std::vector<Kind>& kinds() const { return kinds_; }

  // Places in a tournament per kind (score_trees.h), its nodes in the order of ties.
  [[nodiscard]] const std::vector<NodeIndex>& members(uint32_t kind) const { return members_[kind]; }
  /// Position of the node among the members of its kind.
  [[nodiscard]] uint32_t leaf_of(NodeIndex node) const { return leaf_of_[node]; }
  /// Leaves of the kind's tree, a power of two; the tree has twice as many places.
  [[nodiscard]] size_t leaves_of(uint32_t kind) const { return trees_[kind].leaves; }
  /// Where the kind's tree begins in an array of all trees.
  [[nodiscard]] size_t tree_of(uint32_t kind) const { return trees_[kind].first; }
  /// Places of all trees.
  [[nodiscard]] size_t tree_size() const { return tree_size_; }

 private:
  struct Tree {
    size_t first;
    size_t leaves;
  };
  void lay_out_trees();

  uint64_t layout_ = 0;
  std::vector<uint32_t> of_;
  std::vector<Kind> kinds_;
  std::vector<std::vector<NodeIndex>> members_;
  std::vector<uint32_t> leaf_of_;
  std::vector<Tree> trees_;
  size_t tree_size_ = 0;
};

}  // namespace stowage::engine
