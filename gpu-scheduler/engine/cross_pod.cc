#include "gpu-scheduler/engine/cross_pod.h"

#include <algorithm>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/cross_pod_tables.h"

namespace stowage::engine {

CrossPod::CrossPod() : tables_(std::make_shared<CrossPodTables>()) {}

CrossPodTables& CrossPod::writable() {
  return CrossPodTables::write(tables_);
}

void CrossPod::pod_changed(const ClusterState& state, NodeIndex node, ClassId pod, bool terminating,
                           int delta) {
  // Most clusters have no such rules: then nothing is kept.
  const bool nobody_counts = tables_->groups.empty() && tables_->spreads.empty();
  if (nobody_counts && !state.pod_class(pod).looks_at_other_pods()) return;
  if (tables_->stale(pod, false)) writable().links_of(state, pod);
  const ClassLinks& known = *tables_->links[pod];
  if (known.groups.empty() && known.spreads.empty() && known.carries.empty()) return;

  CrossPodTables& tables = writable();
  const ClassLinks& links = *tables.links[pod];
  for (const uint32_t group : links.groups)
    tables.count_in_group(CrossPodTables::write(tables.groups[group]), node, delta);
  for (const uint32_t term : links.carries)
    tables.count_carried(CrossPodTables::write(tables.carried[term]), node, delta);
  if (terminating) return;
  for (const auto& [spread, rules] : links.spreads)
    tables.count_in_spread(CrossPodTables::write(tables.spreads[spread]), node, rules, delta);
}

void CrossPod::node_changed(const ClusterState& state, NodeIndex node) {
  if (tables_->columns.empty() && tables_->spreads.empty()) return;
  CrossPodTables& tables = writable();
  // Leave the old domains before the columns forget them.
  for (auto& shared : tables.spreads) {
    SpreadState& spread = CrossPodTables::write(shared);
    if (node >= spread.eligible.size()) continue;
    for (size_t rule = 0; rule < spread.rules.size(); ++rule) {
      if ((spread.eligible[node] >> rule & 1) != 0)
        spread.counters[rule].remove_node(tables.columns[spread.rules[rule].column]->at(node));
    }
    spread.eligible[node] = 0;
  }
  const Labels* labels = state.has_node(node) ? &state.node(node).spec->labels : nullptr;
  for (auto& column : tables.columns)
    CrossPodTables::write(column).set(node, labels);
  for (auto& spread : tables.spreads)
    tables.set_eligible(state, CrossPodTables::write(spread), node);
}

void CrossPod::namespaces_changed(const ClusterState& state) {
  const bool empty = tables_->groups.empty() && tables_->carried.empty() && tables_->spreads.empty();
  if (empty) return;
  tables_ = std::make_shared<CrossPodTables>();
  for (PodIndex index = 0; index < state.pod_limit(); ++index) {
    if (!state.has_pod(index)) continue;
    const RunningPod& pod = state.pod(index);
    pod_changed(state, pod.node, pod.pod_class, pod.terminating, +1);
  }
}

bool CrossPod::concerns(const ClusterState& state, ClassId pod) {
  if (state.pod_class(pod).looks_at_other_pods()) return true;
  if (tables_->carried.empty()) return false;
  if (tables_->stale(pod, true)) writable().own_links_of(state, pod);
  return std::ranges::any_of(tables_->links[pod]->carried,
                             [&](uint32_t term) { return tables_->carried[term]->carriers > 0; });
}

CrossPod::Query CrossPod::begin(const ClusterState& state, ClassId pod) {
  if (tables_->stale(pod, true)) writable().own_links_of(state, pod);
  const CrossPodTables& tables = *tables_;
  const ClassLinks& links = *tables.links[pod];
  Query query;
  query.tables_ = &tables;
  if (links.spread != kNone) query.spread_ = tables.spreads[links.spread].get();
  if (links.soft_spread != kNone) query.soft_spread_ = tables.spreads[links.soft_spread].get();
  if (links.affinity != kNone) query.affinity_ = tables.groups[links.affinity].get();
  query.self_affinity_ = links.self_affinity;
  for (const uint32_t group : links.anti) {
    if (tables.groups[group]->recorded > 0) query.anti_.push_back(tables.groups[group].get());
  }
  for (const auto& [group, weight] : links.preferred)
    query.preferred_.push_back({.group = tables.groups[group].get(), .weight = weight});
  for (const uint32_t term : links.carried) {
    const CarriedTerm* carried = tables.carried[term].get();
    if (carried->carriers > 0) (carried->forbids ? query.forbidding_ : query.scoring_).push_back(carried);
  }
  return query;
}

Reason CrossPod::Query::check_spread(NodeIndex node) const {
  for (size_t i = 0; i < spread_->rules.size(); ++i) {
    const SpreadRule& rule = spread_->rules[i];
    const int32_t value = tables_->columns[rule.column]->at(node);
    if (value < 0) return Reason::kSpreadMissingLabel;
    const SpreadCounter& counter = spread_->counters[i];
    const int64_t skew =
        int64_t{counter.pods(value)} + (rule.self ? 1 : 0) - counter.minimum(rule.min_domains);
    if (skew > rule.max_skew) return Reason::kSpread;
  }
  return Reason::kNone;
}

bool CrossPod::Query::affinity_holds(NodeIndex node) const {
  bool all_present = true;
  for (size_t i = 0; i < affinity_->columns.size(); ++i) {
    const int32_t value = tables_->columns[affinity_->columns[i]]->at(node);
    if (value < 0) return false;
    if (affinity_->counts[i].at(value) <= 0) all_present = false;
  }
  return all_present || (affinity_->recorded == 0 && self_affinity_);
}

Reason CrossPod::Query::check(NodeIndex node) const {
  if (spread_ != nullptr) {
    if (const Reason reason = check_spread(node); reason != Reason::kNone) return reason;
  }
  if (affinity_ != nullptr && !affinity_holds(node)) return Reason::kAffinity;
  for (const MatchGroup* group : anti_) {
    if (group->counts[0].at(tables_->columns[group->columns[0]]->at(node)) > 0) return Reason::kAntiAffinity;
  }
  for (const CarriedTerm* term : forbidding_) {
    if (term->counts.at(tables_->columns[term->column]->at(node)) > 0) return Reason::kExistingAntiAffinity;
  }
  return Reason::kNone;
}

int64_t CrossPod::Query::score(NodeIndex node) const {
  int64_t sum = 0;
  for (const auto& [group, weight] : preferred_)
    sum += int64_t{weight} * group->counts[0].at(tables_->columns[group->columns[0]]->at(node));
  for (const CarriedTerm* term : scoring_)
    sum += int64_t{term->weight} * term->counts.at(tables_->columns[term->column]->at(node));
  if (soft_spread_ == nullptr) return sum;
  for (size_t i = 0; i < soft_spread_->rules.size(); ++i) {
    const int32_t value = tables_->columns[soft_spread_->rules[i].column]->at(node);
    if (value >= 0) sum -= soft_spread_->counters[i].pods(value);
  }
  return sum;
}

bool CrossPod::consistent_with(const ClusterState& state) const {
  CrossPod mine = *this;
  CrossPod fresh;
  for (PodIndex index = 0; index < state.pod_limit(); ++index) {
    if (!state.has_pod(index)) continue;
    const RunningPod& pod = state.pod(index);
    fresh.pod_changed(state, pod.node, pod.pod_class, pod.terminating, +1);
  }
  for (ClassId pod = 0; pod < state.class_count(); ++pod) {
    const Query a = mine.begin(state, pod);
    const Query b = fresh.begin(state, pod);
    for (NodeIndex node = 0; node < state.node_limit(); ++node) {
      if (!state.has_node(node)) continue;
      if (a.check(node) != b.check(node) || a.score(node) != b.score(node)) return false;
    }
  }
  return true;
}

}  // namespace stowage::engine
