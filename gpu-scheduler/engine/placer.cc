#include "gpu-scheduler/engine/placer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "gpu-scheduler/engine/best_node.h"
#include "gpu-scheduler/engine/device_choice.h"
#include "gpu-scheduler/engine/transaction.h"

namespace stowage::engine {

/// The best node by score; ties by rank, then name. Scores of other pods' rules, and domains, need a look at
/// each node; without them the cached tournament has the answer.
Placer::Pick Placer::pick(ClassId pod, const Area& area) {
  bool crossed = state_.cross_pod().concerns(state_, pod);
  if (crossed || !area.everywhere() || !near_.empty()) {
    return pick_by_scan(pod, area, state_.caches().get(state_, pod, policy_, !area.everywhere()), crossed);
  }
  if (!budget_.spend()) {
    out_of_budget_ = true;
    return {};
  }
  auto best = best_node(state_, pod, policy_);
  return {best.node, best.device_free};
}

/// The node of the best score that no rule between pods keeps away.
template <class Bonus>
Placer::Pick Placer::best_of(std::span<const NodeIndex> nodes, const ClassCache& cache,
                             const std::optional<CrossPod::Query>& query, std::span<const int64_t> price,
                             Bonus bonus) {
  NodeIndex best = kNone;
  int64_t best_score = ClassCache::kInfeasible;
  for (NodeIndex node : nodes) {
    if (cache.scores[node] == ClassCache::kInfeasible) continue;
    int64_t score = cache.scores[node] - price[cache.group_of(node)] + bonus(node);
    // Only a node that would win is asked about other pods.
    if (best != kNone && score <= best_score) continue;
    if (query && query->check(node) != Reason::kNone) continue;
    best = node;
    best_score = score;
  }
  return best == kNone ? Pick{} : Pick{best, cache.entries[best].device_free};
}

Placer::Pick Placer::pick_by_scan(ClassId pod, const Area& area, ClassCache& cache, bool crossed) {
  const auto nodes = area.nodes(state_);
  if (!budget_.spend(static_cast<int64_t>(nodes.size()))) {
    out_of_budget_ = true;
    return {};
  }
  const auto price = state_.caches().group_prices(state_, policy_, state_.compiled(pod));
  std::optional<CrossPod::Query> query;
  if (crossed) query = state_.cross_pod().begin(state_, pod);
  if (query && query->scores()) return pick_by_preference(nodes, cache, *query, price);
  // Two loops: the usual one is the hot path of rules between pods.
  if (near_.empty()) return best_of(nodes, cache, query, price, [](NodeIndex) { return int64_t{0}; });
  return best_of(nodes, cache, query, price, [&](NodeIndex node) { return nearness(node); });
}

/// As pick_by_scan, where pods prefer the company of others: that is normalised over all feasible nodes.
Placer::Pick Placer::pick_by_preference(std::span<const NodeIndex> nodes, const ClassCache& cache,
                                        const CrossPod::Query& query, std::span<const int64_t> price) const {
  std::vector<std::pair<NodeIndex, int64_t>> feasible;
  feasible.reserve(nodes.size());
  int64_t low = std::numeric_limits<int64_t>::max();
  int64_t high = std::numeric_limits<int64_t>::min();
  for (NodeIndex node : nodes) {
    if (cache.scores[node] == ClassCache::kInfeasible || query.check(node) != Reason::kNone) continue;
    int64_t preference = query.score(node);
    low = std::min(low, preference);
    high = std::max(high, preference);
    feasible.emplace_back(node, preference);
  }
  // Preferences of pods count as much as the strategy: 0..100 points, as kube-scheduler normalises them.
  const int64_t most = high > low ? 100 * 100 * kPoint : 0;
  Pick best;
  int64_t best_score = 0;
  for (auto [node, preference] : feasible) {
    int64_t score = cache.scores[node] - price[cache.group_of(node)] + (near_.empty() ? 0 : nearness(node));
    // Divided only where it could win.
    if (best.node != kNone && score + most <= best_score) continue;
    if (most > 0) score += most * (preference - low) / (high - low);
    if (best.node == kNone || score > best_score) {
      best = {node, cache.entries[node].device_free};
      best_score = score;
    }
  }
  return best;
}

int64_t Placer::nearness(NodeIndex node) const {
  return near_.empty() ? 0 : policy_.topology * near_.points(state_, node);
}

void Placer::assign(uint32_t part, uint32_t member, const Pick& pick) {
  const auto& compiled = state_.compiled(demand_.parts[part].pod_class);
  const auto& row = state_.node(pick.node);
  uint64_t devices = 0;
  if (compiled.shares() && pick.device_free > 0) {
    if (const auto* pool = pool_for(row, compiled)) devices = device_with_free(row, *pool, pick.device_free);
  }
  assign_devices(part, member, pick.node, devices);
}

/// `devices` 0: the state chooses.
void Placer::assign_devices(uint32_t part, uint32_t member, NodeIndex node, uint64_t devices) {
  const auto& wanted = demand_.parts[part];
  RunningPod pod{.pod_class = wanted.pod_class,
                 .node = node,
                 .devices = devices,
                 .priority = demand_.priority,
                 .group = demand_.name,
                 .spread_key = demand_.spread_key,
                 .budgets = demand_.budgets,
                 .movable = demand_.movable,
                 .protected_until = demand_.protected_until};
  if (member < wanted.members.size()) {
    pod.uid = wanted.members[member].uid;
    pod.name = wanted.members[member].name;
  }
  PodIndex index = state_.assign(std::move(pod));
  bindings_.push_back({part, member, node, state_.pod(index).devices, index});
  if (policy_.topology > 0) near_.add(state_, node);
}

bool Placer::run() {
  if (policy_.topology > 0) {
    for (const NodeIndex node : demand_.joined)
      if (state_.has_node(node)) near_.add(state_, node);
  }
  if (auto valid = engine::validate(state_, demand_); !valid) {
    why_.reason = "InvalidDemand";
    why_.message = valid.error().message;
    return false;
  }
  bool placed = false;
  if (demand_.parts.size() == 1 && demand_.parts[0].count == 1 && demand_.joined.empty() &&
      demand_.subgroups.empty() && demand_.topology.mode == TopologyRequest::Mode::kNone &&
      demand_.spread.level.empty()) {
    auto choice = pick(demand_.parts[0].pod_class, Area{});
    if (choice.node != kNone) {
      assign(0, 0, choice);
      placed = true;
    } else if (!out_of_budget_) {
      explain_rejection(demand_.parts[0].pod_class, Area{});
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
  } else if (given_up_ && !placed) {
    why_.reason = "WorkBudget";
    why_.message =
        "not every arrangement of the gang was tried, the work budget is spent; the first: " + why_.message;
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

/// Verdicts are counted in the class's cache; only rules between pods, and a domain, need a look at each
/// node.
void Placer::explain_rejection(ClassId pod, const Area& area) {
  auto& cache = state_.caches().get(state_, pod, policy_, !area.everywhere());
  RejectionTable counts;
  auto add = [&](const Rejection& rejection, uint32_t nodes, NodeIndex first) {
    auto& tally = counts[{static_cast<uint8_t>(rejection.reason), rejection.detail}];
    if (tally.nodes == 0) {
      tally.rejection = rejection;
      tally.example = state_.node_name(first);
    }
    tally.nodes += nodes;
  };
  why_.evaluated = static_cast<uint32_t>(state_.node_count());
  why_.feasible = cache.feasible;
  for (auto& tally : cache.rejections) {
    if (tally.nodes > 0) add(tally.rejection, tally.nodes, cache.first_of(state_, tally));
  }
  const bool crossed = state_.cross_pod().concerns(state_, pod);
  if (cache.feasible > 0 && (crossed || !area.everywhere())) {
    std::optional<CrossPod::Query> query;
    if (crossed) query = state_.cross_pod().begin(state_, pod);
    for (NodeIndex node : state_.nodes_in_order()) {
      if (cache.scores[node] == ClassCache::kInfeasible) continue;
      Rejection rejection;
      if (!area.has(state_, node)) {
        rejection.reason = Reason::kOutsideDomain;
      } else if (query) {
        rejection.reason = query->check(node);
      }
      if (!rejection) continue;
      --why_.feasible;
      add(rejection, 1, node);
    }
  }
  summarise(state_, counts, why_);
}

void summarise(const ClusterState& state, const RejectionTable& counts, Explanation& why) {
  why.counts.clear();
  why.dominant = Reason::kNone;
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
  // Not in the order of interned numbers: those depend on what was seen before.
  std::ranges::sort(why.counts, [](const RejectionCount& a, const RejectionCount& b) {
    return std::tie(b.nodes, a.text) < std::tie(a.nodes, b.text);
  });
  std::ranges::sort(texts);
  why.reason = why.evaluated == 0 ? "NoNodes" : std::string(reason_name(why.dominant));
  why.message = why.evaluated == 0
                    ? "no nodes available to schedule pods"
                    : fmt::format("0/{} nodes are available: {}.", why.evaluated, fmt::join(texts, ", "));
}

}  // namespace stowage::engine
