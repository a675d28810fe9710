#include "gpu-scheduler/engine/cross_pod.h"

#include <algorithm>
#include <limits>

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
  constexpr int32_t kAny = std::numeric_limits<int32_t>::max();
  if (tables_->stale(pod, true)) writable().own_links_of(state, pod);
  const CrossPodTables& tables = *tables_;
  const ClassLinks& links = *tables.links[pod];
  Query query;
  auto counts = [&](uint32_t column, const std::vector<int32_t>& pods) {
    return Query::Counts{.values = tables.columns[column]->value, .pods = pods};
  };
  // kube-scheduler's order: spread, affinity, anti-affinity, anti-affinity of running pods.
  if (links.spread != kNone) {
    const SpreadState& spread = *tables.spreads[links.spread];
    for (size_t i = 0; i < spread.rules.size(); ++i) {
      const SpreadRule& rule = spread.rules[i];
      const int64_t most = rule.max_skew + spread.counters[i].minimum(rule.min_domains) - (rule.self ? 1 : 0);
      query.gates_.push_back({counts(rule.column, spread.counters[i].pods()), 0,
                              static_cast<int32_t>(std::min<int64_t>(most, kAny)),
                              Reason::kSpreadMissingLabel, Reason::kSpread});
    }
  }
  if (links.affinity != kNone) {
    const MatchGroup& group = *tables.groups[links.affinity];
    // A pod that matches its own terms may be the first of its kind.
    const int32_t least = group.recorded == 0 && links.self_affinity ? 0 : 1;
    for (size_t i = 0; i < group.columns.size(); ++i) {
      query.gates_.push_back({counts(group.columns[i], group.counts[i].by_value), least, kAny,
                              Reason::kAffinity, Reason::kAffinity});
    }
  }
  for (const uint32_t id : links.anti) {
    const MatchGroup& group = *tables.groups[id];
    if (group.recorded == 0) continue;
    query.gates_.push_back(
        {counts(group.columns[0], group.counts[0].by_value), 0, 0, Reason::kNone, Reason::kAntiAffinity});
  }
  for (const auto& [id, weight] : links.preferred) {
    const MatchGroup& group = *tables.groups[id];
    query.terms_.push_back({counts(group.columns[0], group.counts[0].by_value), weight});
  }
  for (const uint32_t id : links.carried) {
    const CarriedTerm& term = *tables.carried[id];
    if (term.carriers == 0) continue;
    const auto carriers = counts(term.column, term.counts.by_value);
    if (term.forbids) {
      query.gates_.push_back({carriers, 0, 0, Reason::kNone, Reason::kExistingAntiAffinity});
    } else {
      query.terms_.push_back({carriers, term.weight});
    }
  }
  if (links.soft_spread == kNone) return query;
  const SpreadState& soft = *tables.spreads[links.soft_spread];
  for (size_t i = 0; i < soft.rules.size(); ++i)
    query.terms_.push_back({counts(soft.rules[i].column, soft.counters[i].pods()), -1});
  return query;
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
