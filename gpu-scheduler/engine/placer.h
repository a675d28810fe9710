#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/class_cache.h"
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
  Pick pick(ClassId pod, DomainId inside);
  Pick pick_by_scan(ClassId pod, DomainId inside, ClassCache& cache, bool crossed);
  static Pick pick_by_preference(std::span<const NodeIndex> nodes, const ClassCache& cache,
                                 const CrossPod::Query& query, std::span<const int64_t> price);
  void assign(uint32_t part, uint32_t member, const Pick& pick);
  void explain_rejection(ClassId pod, DomainId inside);

  // Gangs (place_gang.cc).
  bool place_spread(const Parts& parts);
  bool place_topology(const Parts& parts, const TopologyRequest& topology, DomainId outer, bool top);
  bool place_flat(const Parts& parts, DomainId inside);
  bool place_in_domain(const Parts& parts, DomainId domain, bool top);
  bool place_fewest_nodes(uint32_t part, DomainId domain);
  std::vector<DomainId> candidates(const Parts& parts, uint32_t level, DomainId outer);
  bool inside(DomainId domain, DomainId outer) const;
  int64_t room(ClassId pod, DomainId domain);
  void explain_domain(const Parts& parts, uint32_t level, DomainId outer);
  void undo_to(ClusterState::Checkpoint point, size_t bindings);

  ClusterState& state_;
  const Demand& demand_;
  const Policy& policy_;
  WorkBudget& budget_;
  std::vector<Binding> bindings_;
  Explanation why_;
  bool out_of_budget_ = false;
};

/// Rejected nodes by (reason, detail).
using RejectionTable = std::map<std::pair<uint8_t, uint32_t>, RejectionCount>;
/// Counts into the explanation, with kube-scheduler's message; `why.evaluated` is set.
void summarise(const ClusterState& state, const RejectionTable& counts, Explanation& why);

}  // namespace stowage::engine
