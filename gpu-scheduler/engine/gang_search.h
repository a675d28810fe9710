#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/work_budget.h"
#include "gpu-scheduler/engine/area.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/gang_symmetry.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {

/// Pods that all go into one of the areas.
struct SearchGroup {
  struct Need {
    ClassId pod_class = kNone;
    int32_t count = 0;
  };
  std::vector<Need> needs;  ///< Each class once.
  std::vector<Area> areas;  ///< Most wanted first.
};

/// One pod put on one node, in the order in which they were put.
struct SearchStep {
  uint32_t group = 0;
  ClassId pod_class = kNone;
  NodeIndex node = kNone;
  int32_t device_free = -1;  ///< For a share: the free thousandths of the device to take.
};

/// Looks for an arrangement of a gang by trying, undoing and trying anew, where taking the best node for one
/// pod after the other found none although there may be one: several classes that compete for nodes, rules
/// between the pods, sub-groups that compete for domains. Complete: what it does not find is not there,
/// unless it was given up. Nodes that no rule and no amount tells apart are tried once, an arrangement that
/// failed is not met again in another order, and what cannot fit by its sums is not begun. Depth first, the
/// class with the least room to spare first, each on the node that the fewest other classes could use, then
/// by the policy's score; deterministic.
/// Source: chronological backtracking with dead-state memory (Dechter, Constraint Processing, 2003, ch. 5-6).
class GangSearch {
 public:
  enum class Result : uint8_t { kFound, kNotThere, kGivenUp };
  /// `budget` counts nodes looked at; groups are not empty.
  GangSearch(ClusterState& state, const Policy& policy, std::vector<SearchGroup> groups, WorkBudget& budget);

  /// The state is as before when it returns.
  Result run();
  /// The arrangement that was found: assigning in this order passes every filter.
  [[nodiscard]] const std::vector<SearchStep>& steps() const { return steps_; }

 private:
  struct Need {
    uint32_t group = 0;
    uint32_t class_index = 0;  ///< Into symmetry_'s classes.
    ClassId pod_class = kNone;
    int32_t left = 0;
  };
  /// Put one pod of `need` on the node, or open the next group in `area`.
  struct Choice {
    uint32_t need = kNone;
    NodeIndex node = kNone;
    int32_t device_free = -1;
    uint32_t area = kNone;
  };
  struct Frame {
    std::vector<Choice> choices;
    size_t next = 0;
    ClusterState::Checkpoint point = 0;
    Choice applied;
  };
  /// A node, standing for `times` that are like it.
  struct Look {
    NodeIndex node = kNone;
    int64_t times = 1;
    int64_t slots = 0;
    bool now = false;  ///< False: rules between pods keep this one away for the time being.
  };

  bool expand(Frame& frame);
  bool open_group(Frame& frame);
  bool pods_of(uint32_t need, const std::vector<std::vector<Look>>& looks, Frame& frame);
  std::vector<Look> look(const Need& need);
  std::optional<Look> look_at(const Need& need, NodeIndex node, uint32_t kind, const CrossPod::Query* query,
                              int64_t times);
  [[nodiscard]] bool room_for_all(const Need& need, const std::vector<Look>& looks) const;
  [[nodiscard]] bool room_together(uint32_t group, const std::vector<std::vector<Look>>& looks) const;
  [[nodiscard]] std::string position() const;
  [[nodiscard]] std::string text_of(NodeIndex node) const;
  void count(const Choice& choice, int32_t by);
  void forget_touched(NodeIndex node);
  void apply(Frame& frame);
  void undo(Frame& frame);

  ClusterState& state_;
  const Policy& policy_;
  WorkBudget& budget_;
  std::vector<SearchGroup> groups_;
  GangSymmetry symmetry_;
  std::vector<Need> needs_;        ///< By group, then the least room to spare first.
  std::vector<uint32_t> area_of_;  ///< By group: the area chosen, kNone before.
  uint32_t opened_ = 0;            ///< Groups whose area is chosen.
  /// By node: pods of each class that the search put there; empty where there are none.
  std::vector<std::vector<int32_t>> put_;
  std::vector<int64_t> touched_of_kind_;
  /// Nodes with pods of the search by what tells them apart: their places in the order of ties.
  std::map<std::string, std::set<uint32_t>> touched_;
  std::unordered_set<std::string> dead_;
  std::vector<SearchStep> steps_;
  bool any_order_ = false;  ///< A rule may be met later that is not met now: every order is tried.
};

}  // namespace stowage::engine
