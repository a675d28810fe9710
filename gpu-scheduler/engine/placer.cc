#include "gpu-scheduler/engine/placer.h"

#include <fmt/format.h>

#include <algorithm>

#include "gpu-scheduler/engine/device_choice.h"
#include "gpu-scheduler/engine/transaction.h"

namespace stowage::engine {

/// The best node by score; ties by rank, then name. Scores of other pods' rules, and domains, need a look at
/// each node; without them the cached tournament has the answer.
Placer::Pick Placer::pick(ClassId pod, DomainId inside) {
  auto& cache = state_.caches().get(state_, pod, policy_, inside != kNone);
  const auto& compiled = state_.compiled(pod);
  bool crossed = state_.cross_pod().concerns(state_, pod);
  if (crossed || inside != kNone) return pick_by_scan(pod, inside, cache, crossed);
  if (!budget_.spend()) {
    out_of_budget_ = true;
    return {};
  }
  Pick best;
  int64_t best_score = 0;
  for (uint32_t group = 0; group < cache.groups.size(); ++group) {
    NodeIndex node = cache.winner(group);
    if (node == kNone) continue;
    int64_t score = cache.entries[node].score - state_.caches().group_price(state_, policy_, group, compiled);
    if (best.node == kNone || score > best_score ||
        (score == best_score && state_.order_of(node) < state_.order_of(best.node))) {
      best = {node, cache.entries[node].device_free};
      best_score = score;
    }
  }
  return best;
}

Placer::Pick Placer::pick_by_scan(ClassId pod, DomainId inside, ClassCache& cache, bool crossed) {
  const auto& compiled = state_.compiled(pod);
  auto nodes =
      inside == kNone ? state_.nodes_in_order() : std::span<const NodeIndex>(state_.domains()[inside].nodes);
  if (!budget_.spend(static_cast<int64_t>(nodes.size()))) {
    out_of_budget_ = true;
    return {};
  }
  std::vector<int64_t> price(cache.groups.size());
  for (uint32_t g = 0; g < price.size(); ++g)
    price[g] = state_.caches().group_price(state_, policy_, g, compiled);
  if (!crossed) {
    Pick best;
    int64_t best_score = 0;
    for (NodeIndex node : nodes) {
      const auto& entry = cache.entries[node];
      if (entry.score == ClassCache::kInfeasible) continue;
      int64_t score = entry.score - price[entry.group];
      if (best.node == kNone || score > best_score) best = {node, entry.device_free}, best_score = score;
    }
    return best;
  }
  auto query = state_.cross_pod().begin(state_, pod);
  std::vector<std::pair<NodeIndex, int64_t>> feasible;
  int64_t low = 0;
  int64_t high = 0;
  for (NodeIndex node : nodes) {
    if (cache.entries[node].score == ClassCache::kInfeasible || query.check(node) != Reason::kNone) continue;
    int64_t preference = query.score(node);
    low = feasible.empty() ? preference : std::min(low, preference);
    high = feasible.empty() ? preference : std::max(high, preference);
    feasible.emplace_back(node, preference);
  }
  Pick best;
  int64_t best_score = 0;
  for (auto [node, preference] : feasible) {
    const auto& entry = cache.entries[node];
    int64_t score = entry.score - price[entry.group];
    // Preferences of pods count as much as the strategy: 0..100 points, as kube-scheduler normalises them.
    if (high > low) score += 100 * 100 * kPoint * (preference - low) / (high - low);
    if (best.node == kNone || score > best_score) best = {node, entry.device_free}, best_score = score;
  }
  return best;
}

void Placer::assign(uint32_t part, uint32_t member, const Pick& pick) {
  const auto& wanted = demand_.parts[part];
  const auto& compiled = state_.compiled(wanted.pod_class);
  RunningPod pod{.pod_class = wanted.pod_class,
                 .node = pick.node,
                 .priority = demand_.priority,
                 .group = demand_.name,
                 .spread_key = demand_.spread_key,
                 .budgets = demand_.budgets,
                 .movable = demand_.movable};
  if (member < wanted.members.size()) {
    pod.uid = wanted.members[member].uid;
    pod.name = wanted.members[member].name;
  }
  const auto& row = state_.node(pick.node);
  if (compiled.shares() && pick.device_free > 0) {
    if (const auto* pool = pool_for(row, compiled))
      pod.devices = device_with_free(row, *pool, pick.device_free);
  }
  PodIndex index = state_.assign(std::move(pod));
  bindings_.push_back({part, member, pick.node, state_.pod(index).devices, index});
}

bool Placer::run() {
  if (auto valid = engine::validate(state_, demand_); !valid) {
    why_.reason = "InvalidDemand";
    why_.message = valid.error().message;
    return false;
  }
  bool placed = false;
  if (demand_.parts.size() == 1 && demand_.parts[0].count == 1 && demand_.joined.empty() &&
      demand_.topology.mode == TopologyRequest::Mode::kNone && demand_.spread.level.empty()) {
    auto choice = pick(demand_.parts[0].pod_class, kNone);
    if (choice.node != kNone) {
      assign(0, 0, choice);
      placed = true;
    } else if (!out_of_budget_) {
      explain_rejection(demand_.parts[0].pod_class, kNone);
    }
  } else {
    Parts all(demand_.parts.size());
    for (uint32_t i = 0; i < all.size(); ++i)
      all[i] = i;
    // The most awkward first: it has the fewest places to go.
    std::ranges::stable_sort(all, [&](uint32_t a, uint32_t b) {
      const auto& x = state_.compiled(demand_.parts[a].pod_class);
      const auto& y = state_.compiled(demand_.parts[b].pod_class);
      return std::pair(x.device_demand(), x.cpu_milli) > std::pair(y.device_demand(), y.cpu_milli);
    });
    placed = place_spread(all);
  }
  if (out_of_budget_ && !placed) {
    why_ = {};
    why_.reason = "WorkBudget";
    why_.message = "the decision was given up: its work budget is spent";
  }
  why_.placed = placed;
  if (placed) {
    why_.reason.clear();
    why_.message.clear();
    why_.counts.clear();
    why_.dominant = Reason::kNone;
  }
  return placed;
}

void Placer::explain_rejection(ClassId pod, DomainId inside) {
  auto& cache = state_.caches().get(state_, pod, policy_, inside != kNone);
  bool crossed = state_.cross_pod().concerns(state_, pod);
  std::optional<CrossPod::Query> query;
  if (crossed) query = state_.cross_pod().begin(state_, pod);
  std::map<std::pair<uint8_t, uint32_t>, RejectionCount> counts;
  RejectionCount* last = nullptr;
  Rejection last_rejection;
  why_.evaluated = 0;
  why_.feasible = 0;
  why_.nearest_node.clear();
  for (NodeIndex node : state_.nodes_in_order()) {
    ++why_.evaluated;
    Rejection rejection = cache.entries[node].verdict;
    if (!rejection && inside != kNone && state_.domain_of(node, state_.domains()[inside].level) != inside) {
      rejection = {Reason::kOutsideDomain};
    }
    if (!rejection && query) rejection = {query->check(node)};
    if (!rejection) {
      ++why_.feasible;
      continue;
    }
    if (!last || rejection != last_rejection) {
      last = &counts[{static_cast<uint8_t>(rejection.reason), rejection.detail}];
      last_rejection = rejection;
    }
    const auto& name = state_.node_name(node);
    if (last->nodes++ == 0 || name < last->example) last->example = name;
    last->rejection = rejection;
  }
  summarise(state_, counts, why_.evaluated, why_);
}

void summarise(const ClusterState& state,
               const std::map<std::pair<uint8_t, uint32_t>, RejectionCount>& counts, uint32_t evaluated,
               Explanation& why) {
  why.counts.clear();
  uint32_t most = 0;
  std::vector<std::string> texts;
  for (const auto& [key, count] : counts) {
    auto entry = count;
    auto detail = entry.rejection.reason == Reason::kInsufficient
                      ? state.resource_name(entry.rejection.detail)
                      : state.text(entry.rejection.detail);
    entry.text = describe(entry.rejection.reason, detail);
    if (entry.nodes >= most) {
      most = entry.nodes;
      why.dominant = entry.rejection.reason;
    }
    texts.push_back(fmt::format("{} {}", entry.nodes, entry.text));
    why.counts.push_back(std::move(entry));
  }
  std::ranges::stable_sort(why.counts, std::greater{}, &RejectionCount::nodes);
  std::ranges::sort(texts);
  why.reason = evaluated == 0 ? "NoNodes" : std::string(reason_name(why.dominant));
  why.message = evaluated == 0
                    ? "no nodes available to schedule pods"
                    : fmt::format("0/{} nodes are available: {}.", evaluated, fmt::join(texts, ", "));
}

}  // namespace stowage::engine
