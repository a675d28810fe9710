#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/work_budget.h"
#include "gpu-scheduler/engine/area.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {

/// Sets of domains of one level that together have room for a gang which no single one holds: the fewest
/// domains of the widest level first, of those the fewest of the next one, and so on down to the level asked
/// for. Where nodes lack a label between, they count as one domain of it beside their siblings; a node that
/// lacks the level asked for is a domain of its own. Domains that hold members of the gang already cost
/// nothing.
///
/// For interchangeable pods the first set is the optimum. It is found by trying sets with the most room
/// first, cut off by the room of the largest that are left; when the work ends before, each level takes its
/// largest domains without looking back.
class DomainSets {
 public:
  struct Need {
    ClassId pod_class = kNone;
    int64_t count = 0;
  };
  /// One domain of the level asked for.
  struct Cell {
    std::vector<NodeIndex> nodes;  ///< In the order of ties.
    std::vector<int64_t> slots;    ///< By need: pods of the class that it has room for, were they alone.
    int64_t room = 0;              ///< Pods of the gang, at most.
    bool joined = false;
    uint32_t parent = 0;
  };
  using Set = std::vector<const Cell*>;
  /// True when the gang was placed in the set.
  using Try = std::function<bool(const Set&)>;

  /// `joined`: nodes that hold members already.
  DomainSets(ClusterState& state, const Policy& policy, std::vector<Need> needs, const Area& outer,
             uint32_t level, std::span<const NodeIndex> joined);

  /// Sets in order until `attempt` takes one (true). `budget` counts sets looked at; `attempt` may take from
  /// it.
  bool run(const Try& attempt, WorkBudget& budget);
  /// As run(), with the largest domains alone: one set for each number of domains.
  bool run_largest(const Try& attempt);

 private:
  bool fewest(uint32_t level);
  bool choose(uint32_t level, std::vector<uint32_t> parents, uint32_t last);
  struct Choosing;
  bool pick(Choosing& choosing, size_t start, size_t more, int64_t room);
  bool chosen(Choosing& choosing);
  [[nodiscard]] bool covers(uint32_t level, const std::vector<uint32_t>& cells) const;

  std::vector<Need> needs_;
  int64_t wanted_ = 0;
  std::vector<std::vector<Cell>> levels_;  ///< Cells by level, each with its parent in the level before.
  std::vector<size_t> sizes_;              ///< Domains that a set takes of each level, beside joined ones.
  const Try* attempt_ = nullptr;
  WorkBudget* budget_ = nullptr;
  bool largest_only_ = false;
};

}  // namespace stowage::engine
