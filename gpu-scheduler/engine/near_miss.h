#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"

/// Nodes that would do if only they had more room free.
namespace stowage::engine {

/// A node, and what it lacks for pods of a class.
struct NearMiss {
  NodeIndex node = kNone;
  // For one pod.
  int64_t devices = 0;  ///< Thousandths; a share that finds no place counts as its part.
  int64_t cpu_milli = 0;
  int64_t memory_bytes = 0;
  /// All that is lacking, by resource ("cpu" in thousandths, "pods"); shares lack whole devices. Filled by
  /// find_lacks().
  std::vector<std::pair<std::string, int64_t>> lacks;
};

/// The nodes that pass every filter but room and rules between pods, those that lack least first: devices,
/// then CPU, then memory; ties in the order of nodes. O(nodes log nodes).
std::vector<NearMiss> near_misses(ClusterState& state, ClassId pod);

/// Fills in what the node would need free for `pods` more pods of the class than it has room for now. False
/// where that would not help: the node is too small when empty, lacks nothing, is reserved, or a port or a
/// rule between pods is against it.
bool find_lacks(ClusterState& state, ClassId pod, int64_t pods, NearMiss& near);

/// "2 more of nvidia.com/gpu and 1500m more of cpu free on node a".
std::string sentence_of(const ClusterState& state, const NearMiss& near);

/// A fork of the state in which the node has that much more; nullopt when no such node can be described.
std::optional<ClusterState> with_more_room(const ClusterState& state, const NearMiss& near);

}  // namespace stowage::engine
