#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/work_budget.h"
#include "gpu-scheduler/engine/move_plan.h"

namespace stowage::engine {

/// Who may move, what the cluster gains when somebody leaves, and where one would go. Used by make_room() and
/// defragment(); works on the state as it is at each call.
class MoveSearch {
 public:
  MoveSearch(ClusterState& state, const Policy& policy, int64_t now, WorkBudget& budget)
      : state_(state), policy_(policy), now_(now), budget_(budget) {}

  /// Pods of the node that may move, by index.
  [[nodiscard]] std::vector<PodIndex> movable(NodeIndex node);

  /// Worth that the node regains when the pod leaves, and what the pod pays there.
  int64_t leaving(PodIndex pod);

  struct Place {
    NodeIndex node = kNone;
    int32_t device_free = -1;  ///< As BestNode::device_free.
    int64_t score = 0;         ///< As BestNode::score: what it costs, negative.
  };
  /// Best place of the class without the node `except`; with `domain` inside it only. Rules between pods are
  /// kept. kNone: none, or the budget is spent.
  Place destination(ClassId pod, NodeIndex except, DomainId domain = kNone);

  /// The move of the pod to that place.
  [[nodiscard]] Move move_to(PodIndex pod, const Place& place) const;

 private:
  ClusterState& state_;
  const Policy& policy_;
  int64_t now_;
  WorkBudget& budget_;
};

}  // namespace stowage::engine
