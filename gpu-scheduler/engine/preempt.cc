#include "gpu-scheduler/engine/preempt.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "gpu-scheduler/engine/fit.h"
#include "gpu-scheduler/engine/placer.h"
#include "gpu-scheduler/engine/transaction.h"
#include "gpu-scheduler/engine/victim_index.h"

namespace stowage::engine {
namespace {

using Groups = std::vector<VictimIndex::GroupId>;

class Preemption {
 public:
  Preemption(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget, int64_t now)
      : state_(state),
        demand_(demand),
        policy_(policy),
        budget_(budget),
        now_(now),
        index_(state.caches().victims(state)) {}

  Decision run() {
    Decision decision;
    decision.bindings = bindings_without({});
    if (decision.placed()) {
      decision.why.placed = true;
      return decision;
    }
    Groups chosen = demand_.pod_count() == 1 ? on_one_node() : greedily();
    if (!chosen.empty()) decision.bindings = bindings_without(chosen);
    if (decision.placed()) {
      for (const auto id : chosen) {
        for (const PodIndex pod : index_.group(id).pods) {
          const auto& running = state_.pod(pod);
          decision.evictions.push_back({pod, running.uid, running.name, running.node});
        }
      }
      decision.why.placed = true;
      return decision;
    }
    const bool given_up = budget_.exhausted();
    decision.why.reason = given_up ? "WorkBudget" : "NoPreemption";
    decision.why.message = given_up ? "the search for victims was given up: its work budget is spent"
                                    : "no set of lower-priority pods that may be evicted makes room";
    return decision;
  }

 private:
  [[nodiscard]] bool may_leave(VictimIndex::GroupId id) const {
    const auto& group = index_.group(id);
    return group.priority < demand_.priority && group.protected_until <= now_;
  }

  /// As many as the policy permits, and no more than their budgets allow.
  [[nodiscard]] bool permitted(const Groups& chosen) const {
    size_t pods = 0;
    for (const auto id : chosen)
      pods += index_.group(id).pods.size();
    return pods <= static_cast<size_t>(policy_.max_victims) && within_budgets(chosen);
  }

  void remove(VictimIndex::GroupId id) {
    for (const PodIndex pod : index_.group(id).pods)
      state_.remove_pod(pod);
  }

  /// Where the demand goes when these groups are gone; empty when it does not fit.
  std::vector<Binding> bindings_without(const Groups& chosen) {
    Transaction transaction(state_);
    for (const auto id : chosen)
      remove(id);
    Placer placer(state_, demand_, policy_, budget_);
    if (!placer.run()) return {};
    auto out = placer.bindings();
    for (auto& binding : out)
      binding.pod = kNone;
    return out;
  }

  /// A node with a lower bound of what preemption there costs.
  struct Plan {
    int32_t priority;  ///< Of the most important victim.
    int64_t pods;
    uint32_t order;
    NodeIndex node;
    bool operator>(const Plan& other) const {
      return std::tie(priority, pods, order) > std::tie(other.priority, other.pods, other.order);
    }
  };

  /// The cheapest node whose plan holds when it is tried.
  Groups on_one_node() {
    const ClassId pod = demand_.parts.front().pod_class;
    const auto& wanted = state_.compiled(pod);
    const auto& cache = state_.caches().get(state_, pod, policy_, false);
    if (!budget_.spend(static_cast<int64_t>(state_.node_count()))) return {};
    std::vector<Plan> plans;
    for (const NodeIndex node : state_.nodes_in_order()) {
      if (cache.verdicts[node].fixed || state_.node(node).reserved) continue;
      if (auto plan = cheapest_on(node, wanted)) plans.push_back(*plan);
    }
    std::ranges::make_heap(plans, std::greater{});
    while (!plans.empty() && budget_.spend()) {
      std::ranges::pop_heap(plans, std::greater{});
      if (auto chosen = tried_on(plans.back().node, pod); !chosen.empty()) return chosen;
      plans.pop_back();
    }
    return {};
  }

  /// The first victims in order whose sums cover what the pod lacks; nothing when all of them do not.
  [[nodiscard]] std::optional<Plan> cheapest_on(NodeIndex node, const CompiledClass& wanted) const {
    const auto& row = state_.node(node);
    int64_t cpu = row.free_cpu_milli;
    int64_t memory = row.free_memory_bytes;
    int64_t pods = row.free_pods;
    int64_t devices = 0;
    for (const auto free : row.device_free)
      devices += free;
    Plan plan{.pods = 0, .order = state_.order_of(node), .node = node};
    for (const auto& share : index_.on(node)) {
      if (share.priority >= demand_.priority) break;
      if (!may_leave(share.group)) continue;
      cpu += share.cpu_milli;
      memory += share.memory_bytes;
      devices += share.devices;
      pods += share.pods;
      plan.priority = share.priority;
      plan.pods += static_cast<int64_t>(index_.group(share.group).pods.size());
      if (plan.pods > policy_.max_victims) return std::nullopt;
      // As check_room: what is not asked for is not compared.
      if ((wanted.cpu_milli == 0 || cpu >= wanted.cpu_milli) &&
          (wanted.memory_bytes == 0 || memory >= wanted.memory_bytes) &&
          (wanted.device_count == 0 || row.pools.empty() || devices >= wanted.device_demand()) &&
          pods >= wanted.pods) {
        return plan;
      }
    }
    return std::nullopt;
  }

  /// Evicts group after group until the pod fits on the node, then gives back every one that was not needed,
  /// the most important first. Empty when it never fits, or only against budgets or limits.
  Groups tried_on(NodeIndex node, ClassId pod) {
    Groups chosen;
    {
      Transaction transaction(state_);
      bool fits = false;
      for (const auto& share : index_.on(node)) {
        if (share.priority >= demand_.priority) break;
        if (!may_leave(share.group)) continue;
        chosen.push_back(share.group);
        if (!permitted(chosen)) {
          chosen.pop_back();
          continue;
        }
        remove(share.group);
        if ((fits = !fits_on(state_, pod, node))) break;
      }
      if (!fits) return {};
    }
    spare_all(chosen);
    return chosen;
  }

  /// For gangs: the cheapest groups, twice as many each time, until the gang fits; then what is not needed is
  /// spared.
  Groups greedily() {
    Groups all;
    for (const auto id : index_.all()) {
      if (!may_leave(id) || !useful(index_.group(id))) continue;
      all.push_back(id);
      if (index_.group(id).covered() && !within_budgets(all)) all.pop_back();
    }
    for (size_t count = 1; !all.empty() && !budget_.exhausted(); count *= 2) {
      Groups chosen(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size())));
      if (!fits_without(chosen)) {
        if (count >= all.size()) return {};
        continue;
      }
      shrink(chosen);
      return permitted(chosen) ? chosen : Groups{};
    }
    return {};
  }

  [[nodiscard]] bool within_budgets(const Groups& chosen) const {
    std::map<std::string_view, int32_t> used;
    for (const auto id : chosen) {
      for (const auto& name : index_.group(id).budgets) {
        if (++used[name] > state_.budget(name)) return false;
      }
    }
    return true;
  }

  bool fits_without(const Groups& chosen) {
    Transaction transaction(state_);
    for (const auto id : chosen)
      remove(id);
    return Placer(state_, demand_, policy_, budget_).run();
  }

  /// Spares runs of groups, halving their length, then single ones: O(groups needed x log groups) placements.
  void shrink(Groups& chosen) {
    for (size_t run = chosen.size() / 2; run > 1; run /= 2)
      spare_runs(chosen, run);
    spare_all(chosen);
  }

  /// Until each of those who are left is needed: where rules between pods count, one who was needed may no
  /// longer be when another stays.
  void spare_all(Groups& chosen) {
    while (spare_runs(chosen, 1)) {
    }
  }

  /// One pass, the most important first; true when somebody was spared. Nobody is not tried: that is why
  /// victims are looked for.
  bool spare_runs(Groups& chosen, size_t run) {
    const size_t before = chosen.size();
    for (size_t end = chosen.size(); end >= run && end > 0 && chosen.size() > run;) {
      auto fewer = chosen;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(end - run),
                  fewer.begin() + static_cast<std::ptrdiff_t>(end));
      if (fits_without(fewer)) chosen = std::move(fewer);
      end -= std::min(end, run);
      end = std::min(end, chosen.size());
    }
    return chosen.size() < before;
  }

  /// Whether the group holds a device, or some pod of the gang wants none.
  [[nodiscard]] bool useful(const VictimIndex::Group& group) const {
    return group.devices > 0 || std::ranges::any_of(demand_.parts, [&](const DemandPart& part) {
             return state_.compiled(part.pod_class).device_count == 0;
           });
  }

  ClusterState& state_;
  const Demand& demand_;
  const Policy& policy_;
  WorkBudget& budget_;
  int64_t now_;
  const VictimIndex& index_;
};

}  // namespace

Decision preempt(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget,
                 int64_t now) {
  Decision refused;
  refused.why.reason = "NoPreemption";
  if (auto valid = validate(state, demand); !valid) {
    refused.why.reason = "InvalidDemand";
    refused.why.message = valid.error().message;
    return refused;
  }
  if (!policy.preemption || !demand.may_preempt) {
    refused.why.message = policy.preemption ? "the demand does not preempt" : "the policy does not preempt";
    return refused;
  }
  return Preemption(state, demand, policy, budget, now).run();
}

}  // namespace stowage::engine
