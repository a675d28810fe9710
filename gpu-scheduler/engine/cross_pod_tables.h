#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/cow.h"
#include "gpu-scheduler/engine/cross_pod_counts.h"
#include "gpu-scheduler/engine/cross_pod_rules.h"

namespace stowage::engine {

class ClusterState;

/// What one class has to do with the counters.
struct ClassLinks {
  // As a pod that runs: the counters it is in. The `_seen` numbers say how many counters were compared so
  // far; new ones are compared when the class is next used.
  size_t groups_seen = 0;
  std::vector<uint32_t> groups;
  size_t spreads_seen = 0;
  struct SpreadLink {
    uint32_t spread;
    uint32_t rules;  ///< Bit = rule of the spread that counts this class.
  };
  std::vector<SpreadLink> spreads;
  std::vector<uint32_t> carries;  ///< Terms of its own.

  // As a pod to place.
  size_t carried_seen = 0;
  std::vector<uint32_t> carried;  ///< Terms of running pods that match it.
  bool own_rules = false;         ///< The members below are filled.
  uint32_t affinity = kNone;
  bool self_affinity = false;
  std::vector<uint32_t> anti;
  struct Preferred {
    uint32_t group;
    int32_t weight;
  };
  std::vector<Preferred> preferred;
  uint32_t spread = kNone;
  uint32_t soft_spread = kNone;
};

/// All counters between pods. Every element is shared between copies until one of them writes it.
struct CrossPodTables {
  template <class T>
  using Shared = std::vector<std::shared_ptr<T>>;

  Shared<TopologyColumn> columns;
  Shared<const ScopedSelector> selectors;
  Shared<MatchGroup> groups;
  Shared<CarriedTerm> carried;
  Shared<SpreadState> spreads;
  Shared<ClassLinks> links;  ///< By class; null: the class was not used yet.
  std::map<std::string, uint32_t, std::less<>> column_ids, selector_ids, group_ids, carried_ids;

  template <class T>
  static T& write(std::shared_ptr<T>& pointer) {
    if (!sole_owner(pointer)) pointer = std::make_shared<T>(*pointer);
    return *pointer;
  }

  uint32_t column(const ClusterState& state, const std::string& key);
  uint32_t selector(ScopedSelector scope);
  /// The group of pods that match all the terms of a class; counted from the state when it is new.
  uint32_t group(const ClusterState& state, const PodClass& owner, std::vector<const PodAffinityTerm*> terms);
  uint32_t carried_term(const ClusterState& state, const PodClass& owner, const PodAffinityTerm& term,
                        bool forbids, int32_t weight);
  /// kNone when the class has no constraint of this kind.
  uint32_t spread(const ClusterState& state, ClassId owner, WhenUnsatisfiable kind);

  /// True when links_of() would have to write.
  [[nodiscard]] bool stale(ClassId pod, bool to_place) const;
  /// The class's links, compared with every counter there is.
  ClassLinks& links_of(const ClusterState& state, ClassId pod);
  /// Also those of the class as a pod to place.
  ClassLinks& own_links_of(const ClusterState& state, ClassId pod);

  [[nodiscard]] bool in_group(const ClusterState& state, const MatchGroup& group, const PodClass& pod) const;
  void count_in_group(MatchGroup& group, NodeIndex node, int32_t delta) const;
  void count_in_spread(SpreadState& spread, NodeIndex node, uint32_t rules, int32_t delta) const;
  void count_carried(CarriedTerm& term, NodeIndex node, int32_t delta) const;
  /// Sets which rules of the spread the node counts for. No pod may be counted on it meanwhile.
  void set_eligible(const ClusterState& state, SpreadState& spread, NodeIndex node) const;
};

}  // namespace stowage::engine
