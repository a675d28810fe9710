#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/node_kinds.h"
#include "gpu-scheduler/engine/policy.h"
#include "gpu-scheduler/engine/pool_prices.h"
#include "gpu-scheduler/engine/reasons.h"
#include "gpu-scheduler/engine/score_trees.h"
#include "gpu-scheduler/engine/scorer.h"
#include "gpu-scheduler/engine/victim_index.h"

namespace stowage::engine {

/// What is known of one class on every node: verdict, score, room. Kept up to date from the state's change
/// log, so a decision recomputes only nodes that changed since the class was last asked for.
struct ClassCache {
  static constexpr int64_t kInfeasible = ScoreTrees::kNobody;
  struct Verdict {
    Rejection fixed;  ///< Of the filters that look at the node's object alone.
    Rejection now;    ///< Of all filters.
  };
  struct Entry {
    int32_t slots = 0;  ///< Pods of the class that fit at once, by resources.
    int32_t device_free = -1;
    int32_t fixed_bonus = 0;     ///< Score terms of the node's object: cost, preferences, locality; weighted.
    int64_t standing_price = 0;  ///< Of the node's object too, weighted; see CacheTable::standing_price().
  };
  /// Nodes that give one reason.
  struct Tally {
    Rejection rejection;
    uint32_t nodes = 0;
    NodeIndex first = kNone;  ///< In the order of ties; kNone: not known any more, see first_of().
  };
  uint64_t layout_version = 0;
  uint64_t log_position = 0;
  bool counts_slots = false;
  // By node, in columns of their own: looking for what changed reads versions alone, every scan scores alone.
  std::vector<uint64_t> versions;
  std::vector<uint64_t> spec_versions;
  std::vector<Verdict> verdicts;
  std::vector<int64_t> scores;
  std::vector<Entry> entries;
  ScoreTrees trees;  ///< The scores again, by price group: nodes whose scores move together.
  std::vector<Tally> rejections;
  uint32_t feasible = 0;
  std::vector<int64_t> domain_slots;  ///< By domain; only when counts_slots.
  uint64_t last_used = 0;

  [[nodiscard]] uint32_t group_of(NodeIndex node) const { return trees.kinds().of(node); }
  /// The first node of a tally that has any. O(1), after the former first one left it O(nodes before the
  /// new).
  NodeIndex first_of(const ClusterState& state, Tally& tally) const;
};

/// The caches of one state: per (shape of class, policy), the least recently used ones dropped beyond a
/// limit.
class CacheTable {
 public:
  CacheTable() = default;
  CacheTable(const CacheTable& other);

  /// The class's cache, brought up to date.
  ClassCache& get(ClusterState& state, ClassId pod, const Policy& policy, bool slots);
  /// Score penalty of a price group for a class (scarce kinds of nodes), up to date.
  int64_t group_price(ClusterState& state, const Policy& policy, uint32_t group, const CompiledClass& pod);
  /// The same of every group; valid until the next call.
  std::span<const int64_t> group_prices(ClusterState& state, const Policy& policy, const CompiledClass& pod);
  NodeValues& values(const Policy& policy);
  /// Who could leave for somebody more important, up to date.
  const VictimIndex& victims(const ClusterState& state);
  const ClusterScale& scale(const ClusterState& state);

 private:
  std::map<std::pair<uint32_t, uint64_t>, std::shared_ptr<ClassCache>> caches_;
  /// The shape of a node's first pool, the same for all classes.
  struct ShapeMemo {
    uint64_t version = 0;
    int64_t fragmentation = -1;  ///< -1: not asked for yet.
    NodeShape shape;
  };
  struct ModelValues {
    std::unique_ptr<NodeValues> values;
    std::vector<ShapeMemo> shapes;  ///< By node.
  };
  /// One class's cache being brought up to date.
  struct Refresh {
    ClusterState& state;
    ClassCache& cache;
    const CompiledClass& pod;
    const Policy& policy;
    ModelValues* model;  ///< Null for strategies without one.
    /// Standing prices of nodes that are alike when empty.
    struct Standing {
      uint32_t product;
      uint32_t devices;
      int64_t cpu_milli;
      int64_t price;
    };
    std::vector<Standing> standing = {};
  };
  void catch_up(Refresh& task);
  void refresh_layout(ClusterState& state);
  void rebuild(Refresh& task);
  void look_at_object(Refresh& task, NodeIndex node);
  void refresh_node(Refresh& task, NodeIndex node, bool in_tree);
  int64_t score(Refresh& task, NodeIndex node, ClassCache::Entry& entry);
  Choice choose(Refresh& task, NodeIndex node, const DevicePool* pool);
  /// Packability: what the pod would take from the node if it were empty, as a part of the score.
  static int64_t standing_price(Refresh& task, const NodeRow& row);
  static ShapeMemo& memo(const ClusterState& state, ModelValues& model, NodeIndex node);
  ModelValues& model_values(const Policy& policy);

  std::map<uint64_t, ModelValues> values_;  ///< By model.
  VictimIndex victims_;
  ClusterScale scale_;
  uint64_t scale_layout_ = 0;
  std::shared_ptr<const NodeKinds> kinds_;  ///< The price groups.
  PoolPrices prices_;
  std::vector<int64_t> group_prices_;
  std::vector<NodeIndex> changed_;
  uint64_t tick_ = 0;
};

/// Filters of ours and of resources; see place.h for the order.
Rejection check_fixed(ClusterState& state, const NodeSpec& spec, const NodeRow& row,
                      const CompiledClass& pod);
Rejection check_room(const ClusterState& state, const NodeRow& row, const CompiledClass& pod);
/// Pods of the class that fit on the node at once, by resources; at most 1<<20.
int32_t count_slots(const NodeRow& row, const CompiledClass& pod);

}  // namespace stowage::engine
