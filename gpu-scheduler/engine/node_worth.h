#pragma once

#include <array>
#include <cstdint>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {

/// What the free room of a node is worth to the policy, weighted, on the scale of BestNode::score: placing a
/// pod costs what the worth falls by. Packability: its potential. FGD: less its expected fragmentation.
/// BestFit: less its half used room; Spread: that room. Only differences mean something.
int64_t node_worth(ClusterState& state, NodeIndex node, const Policy& policy);

/// What a pod of the class is worth on the same scale: as much as devices that typical demand fills without
/// waste lose when they give what it asks for. 0 for a strategy that has no such scale (all but Packability).
int64_t worth_of_demand(const CompiledClass& pod, const Policy& policy);

/// Free room of one node while pods leave it and come, on paper: sums, no rules. The state must not change
/// meanwhile.
class PaperRoom {
 public:
  PaperRoom(const ClusterState& state, NodeIndex node);
  void leaves(const RunningPod& pod);
  /// False: a pod of the class cannot fit. True: it fits as far as CPU, memory, pods and devices tell.
  [[nodiscard]] bool may_fit(const CompiledClass& pod) const;
  /// The pod, which may fit, takes the devices that are worth least.
  void takes(ClusterState& state, const CompiledClass& pod, const Policy& policy);
  /// As node_worth().
  [[nodiscard]] int64_t worth(ClusterState& state, const Policy& policy) const;

 private:
  const ClusterState* of_;
  const NodeRow* row_;
  int64_t cpu_milli_, memory_bytes_, pods_;
  std::array<int16_t, kMaxDevices> devices_{};
};

/// What the class pays on the node whatever else runs there: the price of a scarce product, what it
/// would take from the empty node, less the terms of the node's object (cost, preferences). On the scale of
/// node_worth().
int64_t standing_cost(ClusterState& state, ClassId pod, NodeIndex node, const Policy& policy);

}  // namespace stowage::engine
