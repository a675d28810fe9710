#pragma once

#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"

namespace stowage::engine {

/// What follows from the set of nodes and their labels; rebuilt when one is added, removed or updated.
struct ClusterState::Layout {
  std::vector<NodeIndex> order;    ///< By (rank, name).
  std::vector<uint32_t> position;  ///< By node.
  std::vector<Domain> domains;
  std::vector<DomainId> domain_of;  ///< node * levels + level.
};

/// One logged change of pods.
struct ClusterState::Undo {
  enum class Kind : uint8_t { kAdd, kRemove, kTerminating };
  Kind kind;
  PodIndex pod;
  uint32_t position = 0;      ///< kRemove: where it stood in the node's list.
  uint64_t node_version = 0;  ///< Before the change.
  bool grew = false;          ///< kAdd: the pod table grew for it.
  std::unique_ptr<RunningPod> removed;
};

}  // namespace stowage::engine
