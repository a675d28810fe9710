#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/work_budget.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/decision.h"
#include "gpu-scheduler/engine/demand.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {

/// One running pod that gets another node.
struct Move {
  PodIndex pod = kNone;  ///< As it runs now.
  std::string uid;
  std::string name;
  NodeIndex from = kNone;
  NodeIndex to = kNone;
  uint64_t devices = 0;  ///< That it gets on `to`; bit = index on the node.
};

struct MoveLimits {
  int32_t max_moves = 1;  ///< Of one plan; 0: none.
  int64_t now = 0;        ///< As for preempt(): who is protected beyond it stays.
  /// defragment(): the least that a move gains, in points (ten thousandths of a device); above 0.
  int32_t min_gain = 1;
};

/// Moves in the order in which they are to be made, one after the other, make before break: the place of each
/// is free, beside everything that runs, before the pod's old place is given up.
struct MovePlan {
  std::vector<Move> moves;
  std::vector<Binding> bindings;  ///< Of the demand, once all moves are made; `pod` is kNone.
  /// What the cluster's free room gains in worth (node_worth.h; negative where a demand takes some of it) and
  /// those who move in standing costs.
  int64_t gain = 0;
  Explanation why;  ///< Of a demand that gets no room: reason "NoMoves", "WorkBudget" or "InvalidDemand".
};

/// Moves that make room for the demand, and where it then runs. The state is left as it was. A demand that
/// fits gets bindings and no move.
///
/// Who moves: pods that are `movable`, not terminating, not protected, not spread (spread_key), and alone in
/// their group: no pod of a gang moves without the others. Nobody is ended, so priorities and disruption
/// budgets do not count. A pod moves at most once and to another node.
///
/// A single pod takes the move of least loss among all that admit it alone; only when there is none, the
/// node with the fewest pods to move, and for a gang one such node after the other (of the same domain where
/// a level is required). Every plan was carried out on a copy before it is returned.
///
/// The budget counts nodes and pods looked at. Complexity: O(movable pods) for one move, then O(nodes) a node
/// tried.
MovePlan make_room(ClusterState& state, const Demand& demand, const Policy& policy, const MoveLimits& limits,
                   WorkBudget& budget);

/// Moves that raise the worth of the cluster's free room (Packability: how much typical demand still fits),
/// the one that gains most first, while there is one that gains `min_gain`. Who moves: as in make_room(). The
/// state is left as it was. O(movable pods) a move.
MovePlan defragment(ClusterState& state, const Policy& policy, const MoveLimits& limits, WorkBudget& budget);

/// Makes one move: checks that its place is free while the pod still runs at the old one, then moves it.
/// Result: the pod's index, which stays the same. Errors: kNotFound (pod or node is gone), kConflict (the
/// place is taken); nothing was changed then.
Result<PodIndex> make_move(ClusterState& state, const Move& move);

}  // namespace stowage::engine
