#include <fmt/format.h>

#include <algorithm>

#include "gpu-scheduler/engine/near_miss.h"
#include "gpu-scheduler/engine/placer.h"
#include "gpu-scheduler/engine/relaxations.h"
#include "gpu-scheduler/engine/transaction.h"

/// Why a demand does not fit, and what would help. Every relaxation is run on the state and undone, or on a
/// fork.
namespace stowage::engine {
namespace {

/// One demand that does not fit, and what was found to help.
class Search {
 public:
  Search(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget,
         Explanation& why)
      : state_(state), demand_(demand), policy_(policy), budget_(budget), why_(why) {}

  void run() {
    const int64_t missing = fewer_pods();
    single_relaxations();
    if (demand_.parts.size() == 1) more_room(missing);
    if (why_.would_fit_if.empty()) joint_relaxations();
  }

 private:
  bool fits(ClusterState& state, const Demand& demand) {
    Transaction transaction(state);
    return Placer(state, demand, policy_, budget_).run();
  }
  bool fits(const std::optional<Demand>& demand) { return demand && fits(state_, *demand); }

  /// The largest smaller gang that was found to fit. Returns how many pods are too many.
  int64_t fewer_pods() {
    if (demand_.parts.size() != 1) return 0;
    Demand fewer = demand_;
    fewer.parts[0].members.clear();
    int32_t fitting = 0;
    int32_t too_many = demand_.parts[0].count;
    while (too_many - fitting > 1) {
      fewer.parts[0].count = fitting + (too_many - fitting) / 2;
      (fits(state_, fewer) ? fitting : too_many) = fewer.parts[0].count;
    }
    if (fitting > 0) {
      why_.would_fit_if.push_back(
          fmt::format("the gang had {} pods instead of {}", fitting, demand_.parts[0].count));
    }
    return demand_.parts[0].count - fitting;
  }

  void single_relaxations() {
    for (const auto& one : relaxations_of(demand_)) {
      if (fits(one.apply(state_, demand_))) why_.would_fit_if.push_back(one.sentence);
    }
  }

  /// Where no single one helps: all at once, then without each that is not needed.
  void joint_relaxations() {
    std::vector<Relaxation> all = relaxations_of(demand_);
    std::erase_if(all, [&](const Relaxation& one) { return !one.apply(state_, demand_); });
    if (all.size() < 2 || !fits(relax(state_, demand_, all))) return;
    for (size_t i = all.size(); i-- > 0 && all.size() > 2;) {
      auto fewer = all;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      if (fits(relax(state_, demand_, fewer))) all = std::move(fewer);
    }
    why_.would_fit_if.push_back(sentence_of(all));
  }

  /// The first node that would be enough with what it lacks for the pods that find no place.
  void more_room(int64_t missing) {
    constexpr size_t kNodesTried = 3;
    const ClassId pod = demand_.parts[0].pod_class;
    size_t tried = 0;
    auto near = near_misses(state_, pod);
    if (!near.empty()) why_.nearest_node = state_.node_name(near.front().node);
    for (auto& node : near) {
      if (!find_lacks(state_, pod, missing, node)) continue;
      if (helps(node)) return why_.would_fit_if.push_back(sentence_of(state_, node));
      if (++tried == kNodesTried || budget_.exhausted()) return;
    }
  }

  bool helps(const NearMiss& near) {
    // For one pod that may go anywhere the filters have said it all.
    if (demand_.pod_count() == 1 && demand_.topology.mode == TopologyRequest::Mode::kNone &&
        demand_.joined.empty() && demand_.spread.level.empty()) {
      return true;
    }
    if (!budget_.spend(static_cast<int64_t>(state_.node_count()))) return false;
    auto roomier = with_more_room(state_, near);
    return roomier && fits(*roomier, demand_);
  }

  ClusterState& state_;
  const Demand& demand_;
  const Policy& policy_;
  WorkBudget& budget_;
  Explanation& why_;
};

}  // namespace

Explanation explain(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget) {
  Explanation why;
  {
    Transaction transaction(state);
    Placer placer(state, demand, policy, budget);
    placer.run();
    why = placer.take_explanation();
  }
  if (!why.placed && why.reason != "InvalidDemand" && !demand.parts.empty())
    Search(state, demand, policy, budget, why).run();
  return why;
}

}  // namespace stowage::engine
