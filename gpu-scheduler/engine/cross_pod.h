#pragma once

#include <cstdint>
#include <memory>

#include "gpu-scheduler/engine/pod_class.h"
#include "gpu-scheduler/engine/reasons.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

class ClusterState;

/// Filters and scores that look at other pods: inter-pod affinity and anti-affinity (with symmetry) and
/// topology spread, with kube-scheduler's meaning. Owned by a ClusterState, which reports every change (also
/// those of rollbacks), so counters are kept incrementally. Copyable: a fork copies it on its first write.
class CrossPod {
 public:
  /// `count` pods of the class now run on the node (+1) or no longer do (-1). A pod that is being deleted
  /// counts for affinity, not for spread.
  void pod_changed(const ClusterState& state, NodeIndex node, ClassId pod, bool terminating, int delta);
  /// A node was added, removed (then `state` no longer has it) or its object changed. Pods that run there
  /// were reported as gone before, and are reported again afterwards.
  void node_changed(const ClusterState& state, NodeIndex node);
  /// A namespace's labels changed.
  void namespaces_changed(const ClusterState& state);

  /// True when any rule between pods concerns this class: its own, or the required anti-affinity of a pod
  /// that runs. When false, check() is kNone and score() 0 for every node.
  bool concerns(const ClusterState& state, ClassId pod);

  /// One decision about one class: counters are looked up once in begin(), then each node is asked in turn.
  /// Valid until the next change of the state.
  class Query {
   public:
    [[nodiscard]] Reason check(NodeIndex node) const;
    /// Preferred (anti-)affinity of the pod and of running pods, and ScheduleAnyway spread: higher is better.
    /// Normalised over `feasible` nodes by the caller.
    [[nodiscard]] int64_t score(NodeIndex node) const;

   private:
    friend class CrossPod;
    const CrossPod* owner_ = nullptr;
    const ClusterState* state_ = nullptr;
    ClassId class_ = kNone;
  };
  Query begin(const ClusterState& state, ClassId pod);

  /// Same counters as one built anew from the state; for tests.
  [[nodiscard]] bool consistent_with(const ClusterState& state) const;

 private:
  int64_t constrained_pods_ = 0;
};

}  // namespace stowage::engine
