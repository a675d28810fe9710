#include "gpu-scheduler/engine/preempt.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "gpu-scheduler/engine/placer.h"
#include "gpu-scheduler/engine/transaction.h"

namespace stowage::engine {
namespace {

/// Pods that leave together.
struct Group {
  std::vector<PodIndex> pods;
  int32_t priority = 0;  ///< The highest of its pods.
  int64_t devices = 0;
  bool spared = false;  ///< Some pod of it may not be evicted.
  [[nodiscard]] auto order() const { return std::tuple(priority, pods.size(), devices, pods.front()); }
};

std::vector<Group> victim_groups(const ClusterState& state, int32_t below) {
  std::vector<Group> out;
  std::map<std::string_view, size_t> by_name;
  for (PodIndex index = 0; index < state.pod_limit(); ++index) {
    if (!state.has_pod(index)) continue;
    const auto& pod = state.pod(index);
    size_t at = out.size();
    if (!pod.group.empty()) at = by_name.try_emplace(pod.group, at).first->second;
    if (at == out.size()) out.push_back({.priority = pod.priority});
    auto& group = out[at];
    group.pods.push_back(index);
    group.priority = std::max(group.priority, pod.priority);
    group.devices += state.compiled(pod.pod_class).device_demand();
    if (!pod.movable || pod.terminating || pod.priority >= below) group.spared = true;
  }
  std::erase_if(out, [](const Group& group) { return group.spared; });
  std::ranges::sort(out, {}, &Group::order);
  return out;
}

/// Counts evictions against the budgets.
class Budgets {
 public:
  explicit Budgets(const ClusterState& state) : state_(state) {}
  bool take(const Group& group) {
    for (PodIndex pod : group.pods) {
      for (const auto& name : state_.pod(pod).budgets)
        ++used_[name];
    }
    for (const auto& [name, count] : used_) {
      if (count > state_.budget(name)) {
        give(group);
        return false;
      }
    }
    return true;
  }
  void give(const Group& group) {
    for (PodIndex pod : group.pods) {
      for (const auto& name : state_.pod(pod).budgets)
        --used_[name];
    }
  }

 private:
  const ClusterState& state_;
  std::map<std::string, int32_t, std::less<>> used_;
};

class Preemption {
 public:
  Preemption(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget)
      : state_(state),
        demand_(demand),
        policy_(policy),
        budget_(budget),
        groups_(victim_groups(state, demand.priority)) {}

  Decision run() {
    std::vector<size_t> chosen = demand_.pod_count() == 1 ? on_one_node() : greedily();
    Decision decision;
    if (!chosen.empty()) {
      spare(chosen);
      decision.bindings = bindings_without(chosen);
      for (size_t id : chosen) {
        for (PodIndex pod : groups_[id].pods) {
          const auto& running = state_.pod(pod);
          decision.evictions.push_back({pod, running.uid, running.name, running.node});
        }
      }
      decision.why.placed = true;
      return decision;
    }
    decision.why.reason = "NoPreemption";
    decision.why.message = "no set of lower-priority pods that may be evicted makes room";
    return decision;
  }

 private:
  [[nodiscard]] size_t pods_in(const std::vector<size_t>& chosen) const {
    size_t sum = 0;
    for (size_t id : chosen)
      sum += groups_[id].pods.size();
    return sum;
  }

  /// Where the demand goes when these groups are gone; empty when it does not fit or they are too many.
  std::vector<Binding> bindings_without(const std::vector<size_t>& chosen) {
    if (pods_in(chosen) > static_cast<size_t>(policy_.max_victims)) return {};
    Budgets budgets(state_);
    for (size_t id : chosen) {
      if (!budgets.take(groups_[id])) return {};
    }
    Transaction transaction(state_);
    for (size_t id : chosen) {
      for (PodIndex pod : groups_[id].pods)
        state_.remove_pod(pod);
    }
    Placer placer(state_, demand_, policy_, budget_);
    if (!placer.run()) return {};
    auto out = placer.bindings();
    for (auto& binding : out)
      binding.pod = kNone;
    return out;
  }

  /// Gives back every group that is not needed, the most important first.
  void spare(std::vector<size_t>& chosen) {
    for (size_t i = chosen.size(); i-- > 0 && chosen.size() > 1;) {
      auto fewer = chosen;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      if (!bindings_without(fewer).empty()) chosen = std::move(fewer);
    }
  }

  /// For each node the first victims in order whose resources cover what the pod lacks; the least costly of
  /// these plans that holds when it is tried.
  std::vector<size_t> on_one_node() {
    const auto& wanted = state_.compiled(demand_.parts.front().pod_class);
    auto& cache = state_.caches().get(state_, demand_.parts.front().pod_class, policy_, false);
    std::vector<std::vector<size_t>> by_node(state_.node_limit());
    for (size_t id = 0; id < groups_.size(); ++id) {
      for (PodIndex pod : groups_[id].pods) {
        auto& list = by_node[state_.pod(pod).node];
        if (list.empty() || list.back() != id) list.push_back(id);
      }
    }
    struct Plan {
      int32_t priority;
      size_t pods;
      uint32_t order;
      std::vector<size_t> groups;
      bool operator<(const Plan& other) const {
        return std::tie(priority, pods, order) < std::tie(other.priority, other.pods, other.order);
      }
    };
    std::vector<Plan> plans;
    for (NodeIndex node : state_.nodes_in_order()) {
      if (by_node[node].empty() || cache.entries[node].fixed) continue;
      Plan plan{.order = state_.order_of(node)};
      plan.groups = enough_on(node, by_node[node], wanted);
      if (plan.groups.empty()) continue;
      plan.pods = pods_in(plan.groups);
      plan.priority = groups_[plan.groups.back()].priority;
      plans.push_back(std::move(plan));
    }
    constexpr size_t kPlansTried = 16;
    std::ranges::partial_sort(
        plans, plans.begin() + static_cast<std::ptrdiff_t>(std::min(plans.size(), kPlansTried)),
        std::less<Plan>{});
    plans.resize(std::min(plans.size(), kPlansTried));
    for (const auto& plan : plans) {
      if (!bindings_without(plan.groups).empty()) return plan.groups;
    }
    return {};
  }

  /// The first groups in order whose pods on the node cover the lack; empty when all together do not.
  std::vector<size_t> enough_on(NodeIndex node, const std::vector<size_t>& groups,
                                const CompiledClass& wanted) {
    const auto& row = state_.node(node);
    int64_t cpu = row.free_cpu_milli;
    int64_t memory = row.free_memory_bytes;
    int64_t devices = 0;
    for (auto free : row.device_free)
      devices += free;
    std::vector<size_t> out;
    for (size_t id : groups) {
      out.push_back(id);
      for (PodIndex pod : groups_[id].pods) {
        if (state_.pod(pod).node != node) continue;
        const auto& running = state_.compiled(state_.pod(pod).pod_class);
        cpu += running.cpu_milli;
        memory += running.memory_bytes;
        devices += running.device_demand();
      }
      if (cpu >= wanted.cpu_milli && memory >= wanted.memory_bytes && devices >= wanted.device_demand())
        return out;
    }
    return {};
  }

  /// For gangs: the cheapest groups, twice as many each time, until the gang fits.
  std::vector<size_t> greedily() {
    std::vector<size_t> all;
    Budgets budgets(state_);
    for (size_t id = 0; id < groups_.size(); ++id) {
      if (!useful(groups_[id]) || !budgets.take(groups_[id])) continue;
      all.push_back(id);
    }
    for (size_t count = 1; !all.empty(); count *= 2) {
      std::vector<size_t> chosen(all.begin(),
                                 all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size())));
      if (!fits_without(chosen)) {
        if (count >= all.size()) return {};
        continue;
      }
      shrink(chosen);
      return bindings_without(chosen).empty() ? std::vector<size_t>{} : chosen;
    }
    return {};
  }

  /// The number of victims is limited in the end only: a first plan may hold many that are spared again.
  bool fits_without(const std::vector<size_t>& chosen) {
    Transaction transaction(state_);
    for (size_t id : chosen) {
      for (PodIndex pod : groups_[id].pods)
        state_.remove_pod(pod);
    }
    return Placer(state_, demand_, policy_, budget_).run();
  }

  /// Spares runs of groups, halving their length, then single ones: O(groups needed x log groups) placements.
  void shrink(std::vector<size_t>& chosen) {
    for (size_t run = std::max<size_t>(chosen.size() / 2, 1);; run /= 2) {
      for (size_t end = chosen.size(); end >= run && end > 0;) {
        auto fewer = chosen;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(end - run),
                    fewer.begin() + static_cast<std::ptrdiff_t>(end));
        if (fits_without(fewer)) chosen = std::move(fewer);
        end -= std::min(end, run);
        end = std::min(end, chosen.size());
      }
      if (run == 1) return;
    }
  }

  [[nodiscard]] bool useful(const Group& group) const {
    for (PodIndex pod : group.pods) {
      const auto& running = state_.compiled(state_.pod(pod).pod_class);
      for (const auto& part : demand_.parts) {
        const auto& wanted = state_.compiled(part.pod_class);
        if (wanted.device_count == 0 || running.device_count > 0) return true;
      }
    }
    return false;
  }

  ClusterState& state_;
  const Demand& demand_;
  const Policy& policy_;
  WorkBudget& budget_;
  std::vector<Group> groups_;
};

}  // namespace

Decision preempt(ClusterState& state, const Demand& demand, const Policy& policy, WorkBudget& budget) {
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
  return Preemption(state, demand, policy, budget).run();
}

}  // namespace stowage::engine
