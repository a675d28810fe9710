#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gpu-scheduler/engine/pod_class.h"
#include "gpu-scheduler/engine/reasons.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

class ClusterState;
struct CrossPodTables;

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
    [[nodiscard]] Reason check(NodeIndex node) const {
      for (const Gate& gate : gates_) {
        const int32_t value = gate.value_of(node);
        if (value < 0) {
          if (gate.missing != Reason::kNone) return gate.missing;
          continue;
        }
        const int32_t pods = gate.pods_in(value);
        if (pods < gate.least || pods > gate.most) return gate.reason;
      }
      return Reason::kNone;
    }
    /// True when score() is not 0 for every node.
    [[nodiscard]] bool scores() const { return !terms_.empty(); }
    /// Preferred (anti-)affinity of the pod and of running pods, and ScheduleAnyway spread: higher is better.
    /// Normalised over `feasible` nodes by the caller.
    [[nodiscard]] int64_t score(NodeIndex node) const {
      int64_t sum = 0;
      for (const Term& term : terms_) {
        const int32_t value = term.value_of(node);
        if (value >= 0) sum += int64_t{term.weight} * term.pods_in(value);
      }
      return sum;
    }

   private:
    friend class CrossPod;
    /// Pods per domain of one topology key.
    struct Counts {
      std::span<const int32_t> values;  ///< By node: its domain; -1 where it lacks the key.
      std::span<const int32_t> pods;    ///< By domain.
      [[nodiscard]] int32_t value_of(NodeIndex node) const {
        return node < values.size() ? values[node] : -1;
      }
      [[nodiscard]] int32_t pods_in(int32_t value) const {
        const auto index = static_cast<size_t>(value);
        return index < pods.size() ? pods[index] : 0;
      }
    };
    /// A hard rule: the node's domain holds `least` to `most` pods.
    struct Gate : Counts {
      int32_t least;
      int32_t most;
      Reason missing;  ///< For nodes without the key; kNone: they pass.
      Reason reason;
    };
    struct Term : Counts {
      int32_t weight;
    };

    std::vector<Gate> gates_;
    std::vector<Term> terms_;
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
