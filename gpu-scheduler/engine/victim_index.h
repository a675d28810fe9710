#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"

namespace stowage::engine {

/// Running pods as preemption sees them: whole groups, and per node its groups in the order in which they
/// would have to leave. Kept up to date from the state's change log: O(pods of the nodes that changed).
class VictimIndex {
 public:
  using GroupId = uint32_t;
  /// Pods that leave together: a gang, or one pod.
  struct Group {
    std::vector<PodIndex> pods;
    int32_t priority = 0;  ///< The highest of its pods.
    int64_t devices = 0;   ///< Thousandths in all.
    int64_t protected_until = 0;
    /// PodDisruptionBudgets that cover its pods, one entry a pod and budget. Kept here, for while victims are
    /// looked for, some are gone from the state.
    std::vector<std::string> budgets;
    bool spared = false;  ///< Some pod of it may not be evicted at all.
    [[nodiscard]] bool covered() const { return !budgets.empty(); }
  };
  /// What a group holds on one node.
  struct Share {
    GroupId group = 0;
    int32_t priority = 0;
    int64_t cpu_milli = 0;
    int64_t memory_bytes = 0;
    int64_t devices = 0;
    int64_t pods = 0;
  };

  void update(const ClusterState& state);
  /// The node's groups that may leave at all, the first to leave first: lowest priority, not covered by a
  /// budget, fewest pods, fewest devices, oldest.
  [[nodiscard]] std::span<const Share> on(NodeIndex node) const {
    return node < nodes_.size() ? std::span<const Share>(nodes_[node].shares) : std::span<const Share>();
  }
  [[nodiscard]] const Group& group(GroupId id) const { return groups_[id]; }
  /// All groups that may leave at all, the first to leave first.
  [[nodiscard]] std::vector<GroupId> all() const;
  /// True when `a` leaves before `b`.
  [[nodiscard]] bool before(GroupId a, GroupId b) const;

 private:
  struct Node {
    std::vector<std::pair<PodIndex, GroupId>> pods;
    std::vector<Share> shares;
  };
  void read(const ClusterState& state, NodeIndex node);
  void judge(const ClusterState& state, GroupId id);
  void share(const ClusterState& state, NodeIndex node);
  GroupId group_of(const RunningPod& pod);

  uint64_t log_position_ = 0;
  bool known_ = false;
  std::vector<Node> nodes_;
  std::vector<Group> groups_;
  std::vector<std::string> names_;  ///< By group; empty: a pod alone.
  std::vector<GroupId> free_;
  std::unordered_map<std::string, GroupId> by_name_;
  std::vector<GroupId> changed_groups_;
};

}  // namespace stowage::engine
