#include "gpu-scheduler/engine/cross_pod_tables.h"

#include <algorithm>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/selectors.h"

namespace stowage::engine {
namespace {

/// kube-scheduler's default hardPodAffinityWeight: required affinity of running pods draws new pods a little.
constexpr int32_t kHardAffinityWeight = 1;
/// Rules of a spread are bits of a word; the API has no limit, real pods have one to three.
constexpr size_t kMaxSpreadRules = 32;

template <class Use>
void each_pod(const ClusterState& state, Use&& use) {
  for (PodIndex index = 0; index < state.pod_limit(); ++index) {
    if (state.has_pod(index)) use(state.pod(index));
  }
}

uint32_t spread_mask(const SpreadState& spread, const ClusterState& state, const PodClass& pod) {
  const std::string& name_space = state.pod_class(spread.owner).name_space;
  uint32_t mask = 0;
  for (size_t rule = 0; rule < spread.rules.size(); ++rule) {
    if (counts(spread.rules[rule], name_space, pod)) mask |= uint32_t{1} << rule;
  }
  return mask;
}

}  // namespace

uint32_t CrossPodTables::column(const ClusterState& state, const std::string& key) {
  const auto [it, added] = column_ids.try_emplace(key, static_cast<uint32_t>(columns.size()));
  if (added) {
    auto column = std::make_shared<TopologyColumn>();
    column->key = key;
    for (NodeIndex node = 0; node < state.node_limit(); ++node) {
      if (state.has_node(node)) column->set(node, &state.node(node).spec->labels);
    }
    columns.push_back(std::move(column));
  }
  return it->second;
}

uint32_t CrossPodTables::selector(ScopedSelector scope) {
  const auto [it, added] =
      selector_ids.try_emplace(scope_key(scope), static_cast<uint32_t>(selectors.size()));
  if (added) selectors.push_back(std::make_shared<const ScopedSelector>(std::move(scope)));
  return it->second;
}

uint32_t CrossPodTables::group(const ClusterState& state, const PodClass& owner,
                               std::vector<const PodAffinityTerm*> terms) {
  auto group = std::make_shared<MatchGroup>();
  std::string key;
  for (const PodAffinityTerm* term : terms) {
    group->selectors.push_back(selector(scope_of(*term, owner)));
    const uint32_t at = column(state, term->topology_key);
    if (std::ranges::find(group->columns, at) == group->columns.end()) group->columns.push_back(at);
    key += std::to_string(group->selectors.back()) + "@" + std::to_string(at) + ",";
  }
  const auto [it, added] = group_ids.try_emplace(key, static_cast<uint32_t>(groups.size()));
  if (!added) return it->second;
  group->counts.resize(group->columns.size());
  // Pods of one class match alike: ask once a class.
  std::vector<int8_t> answer(state.class_count(), -1);
  each_pod(state, [&](const RunningPod& pod) {
    int8_t& known = answer[pod.pod_class];
    if (known < 0) known = in_group(state, *group, state.pod_class(pod.pod_class)) ? 1 : 0;
    if (known == 1) count_in_group(*group, pod.node, +1);
  });
  groups.push_back(std::move(group));
  return it->second;
}

uint32_t CrossPodTables::carried_term(const ClusterState& state, const PodClass& owner,
                                      const PodAffinityTerm& term, bool forbids, int32_t weight) {
  const uint32_t scope = selector(scope_of(term, owner));
  const uint32_t at = column(state, term.topology_key);
  const std::string key =
      std::to_string(scope) + "@" + std::to_string(at) + (forbids ? "!" : "~") + std::to_string(weight);
  const auto [it, added] = carried_ids.try_emplace(key, static_cast<uint32_t>(carried.size()));
  if (added) {
    carried.push_back(std::make_shared<CarriedTerm>(
        CarriedTerm{.selector = scope, .column = at, .forbids = forbids, .weight = weight, .counts = {}}));
  }
  return it->second;
}

uint32_t CrossPodTables::spread(const ClusterState& state, ClassId owner, WhenUnsatisfiable kind) {
  const PodClass& pod_class = state.pod_class(owner);
  auto spread = std::make_shared<SpreadState>();
  spread->owner = owner;
  for (const auto& constraint : pod_class.spread_constraints) {
    if (constraint.when_unsatisfiable != kind || spread->rules.size() == kMaxSpreadRules) continue;
    SpreadRule rule = spread_rule(constraint, pod_class);
    rule.column = column(state, constraint.topology_key);
    spread->rules.push_back(std::move(rule));
  }
  if (spread->rules.empty()) return kNone;
  spread->counters.resize(spread->rules.size());
  for (NodeIndex node = 0; node < state.node_limit(); ++node)
    set_eligible(state, *spread, node);
  std::vector<int64_t> mask(state.class_count(), -1);
  each_pod(state, [&](const RunningPod& pod) {
    if (pod.terminating) return;
    int64_t& known = mask[pod.pod_class];
    if (known < 0) known = spread_mask(*spread, state, state.pod_class(pod.pod_class));
    if (known > 0) count_in_spread(*spread, pod.node, static_cast<uint32_t>(known), +1);
  });
  spreads.push_back(std::move(spread));
  return static_cast<uint32_t>(spreads.size() - 1);
}

void CrossPodTables::set_eligible(const ClusterState& state, SpreadState& spread, NodeIndex node) const {
  if (node >= spread.eligible.size()) spread.eligible.resize(node + 1, 0);
  const PodClass& owner = state.pod_class(spread.owner);
  const NodeSpec* spec = state.has_node(node) ? state.node(node).spec.get() : nullptr;
  // A node without one of the keys counts for none of the rules.
  const bool has_keys = spec != nullptr && std::ranges::all_of(spread.rules, [&](const SpreadRule& rule) {
                          return columns[rule.column]->at(node) >= 0;
                        });
  uint32_t mask = 0;
  for (size_t rule = 0; has_keys && rule < spread.rules.size(); ++rule) {
    const SpreadRule& asked = spread.rules[rule];
    const bool affinity =
        !asked.honor_affinity ||
        matches_required_node_affinity(owner.node_selector, owner.required_node_affinity, *spec);
    const bool taints = !asked.honor_taints || first_untolerated(spec->taints, owner.tolerations) == nullptr;
    if (!affinity || !taints) continue;
    mask |= uint32_t{1} << rule;
    spread.counters[rule].add_node(columns[asked.column]->at(node));
  }
  spread.eligible[node] = mask;
}

bool CrossPodTables::in_group(const ClusterState& state, const MatchGroup& group, const PodClass& pod) const {
  return std::ranges::all_of(group.selectors,
                             [&](uint32_t scope) { return sees_running(state, *selectors[scope], pod); });
}

void CrossPodTables::count_in_group(MatchGroup& group, NodeIndex node, int32_t delta) const {
  for (size_t i = 0; i < group.columns.size(); ++i) {
    const int32_t value = columns[group.columns[i]]->at(node);
    if (value < 0) continue;
    group.counts[i].add(value, delta);
    group.recorded += delta;
  }
}

void CrossPodTables::count_in_spread(SpreadState& spread, NodeIndex node, uint32_t rules,
                                     int32_t delta) const {
  const uint32_t counted = rules & spread.eligible[node];
  for (size_t rule = 0; rule < spread.rules.size(); ++rule) {
    if ((counted >> rule & 1) != 0)
      spread.counters[rule].add_pods(columns[spread.rules[rule].column]->at(node), delta);
  }
}

void CrossPodTables::count_carried(CarriedTerm& term, NodeIndex node, int32_t delta) const {
  const int32_t value = columns[term.column]->at(node);
  if (value < 0) return;
  term.counts.add(value, delta);
  term.carriers += delta;
}

bool CrossPodTables::stale(ClassId pod, bool to_place) const {
  if (pod >= links.size() || links[pod] == nullptr) return true;
  const ClassLinks& known = *links[pod];
  if (to_place) return !known.own_rules || known.carried_seen != carried.size();
  return known.groups_seen != groups.size() || known.spreads_seen != spreads.size();
}

ClassLinks& CrossPodTables::links_of(const ClusterState& state, ClassId pod) {
  if (pod >= links.size()) links.resize(pod + 1);
  const PodClass& pod_class = state.pod_class(pod);
  if (links[pod] == nullptr) {
    links[pod] = std::make_shared<ClassLinks>();
    auto carry = [&](const PodAffinityTerm& term, bool forbids, int32_t weight) {
      links[pod]->carries.push_back(carried_term(state, pod_class, term, forbids, weight));
    };
    for (const auto& term : pod_class.required_anti_affinity)
      carry(term, true, 0);
    for (const auto& term : pod_class.required_affinity)
      carry(term, false, kHardAffinityWeight);
    for (const auto& [weight, term] : pod_class.preferred_affinity)
      carry(term, false, weight);
    for (const auto& [weight, term] : pod_class.preferred_anti_affinity)
      carry(term, false, -weight);
  }
  ClassLinks& known = write(links[pod]);
  for (; known.groups_seen < groups.size(); ++known.groups_seen) {
    if (in_group(state, *groups[known.groups_seen], pod_class))
      known.groups.push_back(static_cast<uint32_t>(known.groups_seen));
  }
  for (; known.spreads_seen < spreads.size(); ++known.spreads_seen) {
    const uint32_t mask = spread_mask(*spreads[known.spreads_seen], state, pod_class);
    if (mask != 0)
      known.spreads.push_back({.spread = static_cast<uint32_t>(known.spreads_seen), .rules = mask});
  }
  return known;
}

ClassLinks& CrossPodTables::own_links_of(const ClusterState& state, ClassId pod) {
  links_of(state, pod);
  const PodClass& pod_class = state.pod_class(pod);
  ClassLinks& known = write(links[pod]);
  if (!known.own_rules) {
    known.own_rules = true;
    if (!pod_class.required_affinity.empty()) {
      std::vector<const PodAffinityTerm*> all;
      all.reserve(pod_class.required_affinity.size());
      for (const auto& term : pod_class.required_affinity)
        all.push_back(&term);
      known.affinity = group(state, pod_class, std::move(all));
      known.self_affinity = in_group(state, *groups[known.affinity], pod_class);
    }
    for (const auto& term : pod_class.required_anti_affinity)
      known.anti.push_back(group(state, pod_class, {&term}));
    for (const auto& [weight, term] : pod_class.preferred_affinity)
      known.preferred.push_back({.group = group(state, pod_class, {&term}), .weight = weight});
    for (const auto& [weight, term] : pod_class.preferred_anti_affinity)
      known.preferred.push_back({.group = group(state, pod_class, {&term}), .weight = -weight});
    known.spread = spread(state, pod, WhenUnsatisfiable::kDoNotSchedule);
    known.soft_spread = spread(state, pod, WhenUnsatisfiable::kScheduleAnyway);
  }
  for (; known.carried_seen < carried.size(); ++known.carried_seen) {
    if (sees_incoming(state, *selectors[carried[known.carried_seen]->selector], pod_class))
      known.carried.push_back(static_cast<uint32_t>(known.carried_seen));
  }
  return known;
}

}  // namespace stowage::engine
