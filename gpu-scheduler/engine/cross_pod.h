#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gpu-scheduler/engine/pod_class.h"
#include "gpu-scheduler/engine/reasons.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

class ClusterState;
struct CrossPodTables;
struct MatchGroup;
struct SpreadState;
struct CarriedTerm;

/// Filters and scores that look at other pods: inter-pod affinity and anti-affinity (with symmetry) and
/// topology spread, with kube-scheduler's meaning. Owned by a ClusterState, which reports every change (also
/// those of rollbacks), so counters are kept incrementally. Copyable: copies share the counters until one of
/// them writes.
class CrossPod {
 public:
  CrossPod();

  /// `count` pods of the class now run on the node (+1) or no longer do (-1). A pod that is being deleted
  /// counts for affinity, not for spread. O(counters that the pod is in).
  void pod_changed(const ClusterState& state, NodeIndex node, ClassId pod, bool terminating, int delta);
  /// A node was added, removed (then `state` no longer has it) or its object changed. Pods that run there
  /// were reported as gone before, and are reported again afterwards. O(rules).
  void node_changed(const ClusterState& state, NodeIndex node);
  /// A namespace's labels changed. Counters are built anew: O(pods x rules).
  void namespaces_changed(const ClusterState& state);

  /// True when any rule between pods concerns this class: its own, or a term of a pod that runs. When false,
  /// check() is kNone and score() 0 for every node.
  bool concerns(const ClusterState& state, ClassId pod);

  /// One decision about one class: counters are looked up once in begin(), then each node is asked in turn.
  /// Valid until the next change of the state.
  class Query {
   public:
    /// The first rule that keeps the pod from the node, in kube-scheduler's order. O(rules of the class).
    [[nodiscard]] Reason check(NodeIndex node) const;
    /// Preferred (anti-)affinity of the pod and of running pods, and ScheduleAnyway spread: higher is better.
    /// Normalised over `feasible` nodes by the caller.
    [[nodiscard]] int64_t score(NodeIndex node) const;

   private:
    friend class CrossPod;
    struct Weighted {
      const MatchGroup* group;
      int32_t weight;
    };
    [[nodiscard]] Reason check_spread(NodeIndex node) const;
    [[nodiscard]] bool affinity_holds(NodeIndex node) const;

    const CrossPodTables* tables_ = nullptr;
    const SpreadState* spread_ = nullptr;
    const SpreadState* soft_spread_ = nullptr;
    const MatchGroup* affinity_ = nullptr;
    bool self_affinity_ =
        false;  ///< The pod matches its own affinity terms: it may be the first of its kind.
    std::vector<const MatchGroup*> anti_;
    std::vector<const CarriedTerm*> forbidding_;
    std::vector<const CarriedTerm*> scoring_;
    std::vector<Weighted> preferred_;
  };
  /// First call for a class: O(pods); later ones: O(rules that concern it).
  Query begin(const ClusterState& state, ClassId pod);

  /// Same answers as one built anew from the state, for every class and node; for tests.
  [[nodiscard]] bool consistent_with(const ClusterState& state) const;

 private:
  CrossPodTables& writable();

  std::shared_ptr<CrossPodTables> tables_;
};

}  // namespace stowage::engine
