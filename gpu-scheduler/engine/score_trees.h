#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "gpu-scheduler/engine/node_kinds.h"

namespace stowage::engine {

/// Scores of one class, a tournament per kind of nodes: each inner place of a tree holds the higher of the
/// two below it, leaves stand in the order of ties. All trees lie in one array; winners stand apart, because
/// every decision reads them all.
class ScoreTrees {
 public:
  static constexpr int64_t kNobody = std::numeric_limits<int64_t>::min();

  /// Nobody plays yet; set() each node, then build().
  void reset(std::shared_ptr<const NodeKinds> kinds) {
    kinds_ = std::move(kinds);
    best_.assign(kinds_->kinds().size(), kNobody);
    tree_.assign(kinds_->tree_size(), kNobody);
  }
  /// A leaf, without playing. O(1).
  void set(NodeIndex node, int64_t score) { tree_[leaf(node)] = score; }
  void build() {
    for (uint32_t kind = 0; kind < best_.size(); ++kind) {
      int64_t* tree = tree_.data() + kinds_->tree_of(kind);
      for (size_t at = kinds_->leaves_of(kind) - 1; at >= 1; --at)
        tree[at] = std::max(tree[2 * at], tree[2 * at + 1]);
      best_[kind] = tree[1];
    }
  }
  /// A leaf, and its matches upwards until nothing changes. O(log nodes).
  void replay(NodeIndex node, int64_t score) {
    const uint32_t kind = kinds_->of(node);
    int64_t* tree = tree_.data() + kinds_->tree_of(kind);
    size_t at = kinds_->leaves_of(kind) + kinds_->leaf_of(node);
    tree[at] = score;
    for (at /= 2; at >= 1; at /= 2) {
      const int64_t winner = std::max(tree[2 * at], tree[2 * at + 1]);
      if (tree[at] == winner) return;
      tree[at] = winner;
    }
    best_[kind] = tree[1];
  }
  [[nodiscard]] int64_t of(NodeIndex node) const { return tree_[leaf(node)]; }
  /// The highest score of each kind, kNobody where none has one.
  [[nodiscard]] const std::vector<int64_t>& best() const { return best_; }
  /// The first node, in the order of ties, with the highest score of the kind. O(log nodes).
  [[nodiscard]] NodeIndex winner(uint32_t kind) const {
    const int64_t* tree = tree_.data() + kinds_->tree_of(kind);
    const size_t leaves = kinds_->leaves_of(kind);
    size_t at = 1;
    while (at < leaves)
      at = tree[2 * at] == tree[at] ? 2 * at : 2 * at + 1;
    return kinds_->members(kind)[at - leaves];
  }
  [[nodiscard]] const NodeKinds& kinds() const { return *kinds_; }

 private:
  [[nodiscard]] size_t leaf(NodeIndex node) const {
    const uint32_t kind = kinds_->of(node);
    return kinds_->tree_of(kind) + kinds_->leaves_of(kind) + kinds_->leaf_of(node);
  }

  std::shared_ptr<const NodeKinds> kinds_;
  std::vector<int64_t> best_;
  std::vector<int64_t> tree_;
};

}  // namespace stowage::engine
