#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/area.h"
#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/domain_sets.h"
#include "gpu-scheduler/engine/gang_search.h"
#include "gpu-scheduler/engine/nearness.h"
#include "gpu-scheduler/engine/place.h"

namespace stowage::engine {

/// One attempt to place one demand: assigns pods to the state inside the caller's transaction.
class Placer {
 public:
  Placer(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget)
      : state_(state), demand_(demand), policy_(policy), budget_(budget) {}

  /// All pods of the demand assigned (true), or false and an explanation; the caller then rolls back.
  bool run();
  [[nodiscard]] const std::vector<Binding>& bindings() const { return bindings_; }
  Explanation take_explanation() { return std::move(why_); }

 private:
  using Parts = std::vector<uint32_t>;  ///< Indices into demand_.parts.
  struct Pick {
    NodeIndex node = kNone;
    int32_t device_free = -1;
  };

  // Single pods (placer.cc).
  Pick pick(ClassId pod, const Area& area);
  Pick pick_by_scan(ClassId pod, const Area& area, ClassCache& cache, bool crossed);
  Pick pick_by_preference(std::span<const NodeIndex> nodes, const ClassCache& cache,
                          const CrossPod::Query& query, std::span<const int64_t> price) const;
  template <class Bonus>
  static Pick best_of(std::span<const NodeIndex> nodes, const ClassCache& cache,
                      const std::optional<CrossPod::Query>& query, std::span<const int64_t> price,
                      Bonus bonus);
  [[nodiscard]] int64_t nearness(NodeIndex node) const;
  void assign(uint32_t part, uint32_t member, const Pick& pick);
  void assign_devices(uint32_t part, uint32_t member, NodeIndex node, uint64_t devices);
  void explain_rejection(ClassId pod, const Area& area);

  // Gangs kept apart (place_spread.cc).
  struct SpreadRoom {
    std::vector<std::pair<int64_t, DomainId>> domains;  ///< That may take the gang, with the gangs there.
    int64_t least = 0;                                  ///< Gangs in the emptiest that could hold it.
    bool everywhere = false;                            ///< The rule forbids no domain.
  };
  bool place_spread(const Parts& parts);
  [[nodiscard]] std::map<DomainId, int64_t> gangs_by_domain(uint32_t level) const;
  bool could_hold(std::span<const NodeIndex> nodes, bool whole);
  bool counts_for_spread(DomainId domain, uint32_t level);
  SpreadRoom spread_room(uint32_t level);
  void explain_spread(const Parts& parts, const SpreadRoom& room, uint32_t level);

  // Gangs (place_gang.cc).
  bool place_topology(const Parts& parts, const TopologyRequest& topology, const Area& outer, bool top);
  bool place_required(const Parts& parts, uint32_t level, const Area& outer, bool top);
  bool place_first(const Parts& parts, const std::vector<std::pair<DomainId, Area>>& areas, bool top);
  bool place_in(const Parts& parts, const Area& area, bool top);
  bool place_flat(const Parts& parts, const Area& area);
  bool place_fewest_nodes(uint32_t part, uint32_t member, uint32_t end, const Area& area);
  bool try_in(const Parts& parts, const Area& area, bool top);
  std::vector<std::pair<DomainId, Area>> candidates(const Parts& parts, uint32_t level, const Area& outer);
  DomainId joined_domain(uint32_t level) const;
  [[nodiscard]] int64_t room(const ClassCache& cache, const Area& area) const;
  void explain_domain(const Parts& parts, uint32_t level, const Area& outer);
  void undo_to(ClusterState::Checkpoint point, size_t bindings);

  // Gangs that prefer a level (place_preferred.cc).
  bool place_preferred(const Parts& parts, uint32_t level, const Area& outer, bool top);
  bool place_fewest_domains(const Parts& parts, uint32_t level, const Area& outer, bool top);
  bool place_in_set(const Parts& parts, const DomainSets::Set& set, bool top);
  void name_domain();

  // Gangs whose pods compete for room (place_hard.cc).
  [[nodiscard]] bool hard() const;
  bool search_in(const Area& area, int64_t work);
  std::vector<SearchGroup> search_groups(const Area& area);
  bool search_one_of(const std::vector<std::pair<DomainId, Area>>& areas, int64_t work);
  std::vector<Area> areas_for(const Parts& parts, const TopologyRequest& topology, const Area& outer);
  [[nodiscard]] std::vector<Parts> groups_of_parts() const;
  void take_arrangement(const std::vector<Parts>& groups, const std::vector<SearchStep>& steps);

  ClusterState& state_;
  const Demand& demand_;
  const Policy& policy_;
  WorkBudget& budget_;
  std::vector<Binding> bindings_;
  Explanation why_;
  Nearness near_;  ///< Of the pods placed so far; kept only where the policy weighs topology.
  bool out_of_budget_ = false;
  /// Nodes that searches may still look at, beside the budget: a decision ends within a tenth of a second.
  int64_t search_left_ = 400'000;
  bool given_up_ = false;  ///< Some search ended before it had tried everything.
};

/// Rejected nodes by (reason, detail).
using RejectionTable = std::map<std::pair<uint8_t, uint32_t>, RejectionCount>;
/// Counts into the explanation, with kube-scheduler's message; `why.evaluated` is set.
void summarise(const ClusterState& state, const RejectionTable& counts, Explanation& why);

}  // namespace stowage::engine
