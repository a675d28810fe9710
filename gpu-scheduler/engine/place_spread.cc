#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "gpu-scheduler/engine/filters_room.h"
#include "gpu-scheduler/engine/placer.h"

/// Gangs kept apart: where the rule of spread lets a gang go.
namespace stowage::engine {

/// Gangs of the key per domain of the level, without this one.
std::map<DomainId, int64_t> Placer::gangs_by_domain(uint32_t level) const {
  std::map<DomainId, int64_t> out;
  const auto* gangs = state_.spread_index().gangs(demand_.spread_key);
  if (gangs == nullptr) return out;
  for (const auto& [name, nodes] : *gangs) {
    if (name == demand_.name) continue;
    std::set<DomainId> domains;
    for (const auto& [node, pods] : nodes)
      domains.insert(state_.domain_of(node, level));
    for (const DomainId domain : domains)
      ++out[domain];
  }
  return out;
}

/// Whether the nodes would have room for each class of the demand by itself if nothing ran there; with
/// `whole` false: for one pod of some class.
bool Placer::could_hold(std::span<const NodeIndex> nodes, bool whole) {
  std::map<ClassId, int64_t> wanted;
  for (const auto& part : demand_.parts)
    wanted[part.pod_class] += part.count;
  for (const auto& [pod, count] : wanted) {
    const auto& cache = state_.caches().get(state_, pod, policy_, true);
    const auto& compiled = state_.compiled(pod);
    const int64_t enough = whole ? count : 1;
    int64_t slots = 0;
    for (const NodeIndex node : nodes) {
      if (slots >= enough) break;
      if (!cache.verdicts[node].fixed) slots += count_empty_slots(state_.node(node), compiled);
    }
    if ((slots >= enough) != whole) return !whole;
  }
  return whole;
}

/// Whether the domain counts for the least: where the gang could never go, no gang is missing.
bool Placer::counts_for_spread(DomainId domain, uint32_t level) {
  const auto& topology = demand_.topology;
  const bool within =
      topology.mode == TopologyRequest::Mode::kRequired && *state_.level_index(topology.level) > level;
  if (!within) return could_hold(state_.domains()[domain].nodes, true);
  const auto parts = split(state_, Area(domain), *state_.level_index(topology.level));
  return std::ranges::any_of(parts,
                             [&](const auto& part) { return could_hold(part.second.nodes(state_), true); });
}

/// Domains that may take the gang, where it is already first, then those with the fewest gangs: with this
/// one, none has more than `max_skew` beyond the least of those that could hold it.
Placer::SpreadRoom Placer::spread_room(uint32_t level) {
  const auto gangs = gangs_by_domain(level);
  const auto count_of = [&](DomainId domain) {
    const auto at = gangs.find(domain);
    return at == gangs.end() ? 0 : at->second;
  };
  const auto all = split(state_, Area{}, level);
  SpreadRoom out{.domains = {}, .least = -1, .everywhere = true};
  auto least_of = [&](const auto& counts) {
    for (const auto& [domain, area] : all) {
      const int64_t count = count_of(domain);
      if ((out.least < 0 || count < out.least) && counts(domain)) out.least = count;
    }
  };
  least_of([&](DomainId domain) { return counts_for_spread(domain, level); });
  // Wider than any domain: those that could take a part of it.
  if (out.least < 0)
    least_of([&](DomainId domain) { return could_hold(state_.domains()[domain].nodes, false); });
  out.least = std::max<int64_t>(out.least, 0);
  std::set<DomainId> joined;
  for (const NodeIndex node : demand_.joined)
    joined.insert(state_.domain_of(node, level));
  for (const auto& [domain, area] : all) {
    const bool own = joined.contains(domain);
    const bool may = own || count_of(domain) + 1 - out.least <= demand_.spread.max_skew;
    if (may) out.domains.emplace_back(own ? -1 : count_of(domain), domain);
    out.everywhere = out.everywhere && may;
  }
  std::ranges::stable_sort(out.domains, {}, [](const auto& entry) { return entry.first; });
  return out;
}

bool Placer::place_spread(const Parts& parts) {
  if (demand_.spread.level.empty()) return place_topology(parts, demand_.topology, Area{}, true);
  const uint32_t level = *state_.level_index(demand_.spread.level);
  if (!budget_.spend(static_cast<int64_t>(state_.node_count()))) {
    out_of_budget_ = true;
    return false;
  }
  const SpreadRoom room = spread_room(level);
  // A gang that must be, or may be, inside one domain of the spread's level is tried in each of them.
  const bool has_level = demand_.topology.mode != TopologyRequest::Mode::kNone;
  const bool wider = has_level && *state_.level_index(demand_.topology.level) < level;
  const bool narrow = demand_.topology.mode == TopologyRequest::Mode::kRequired && !wider;
  std::vector<Area> areas;
  std::vector<NodeIndex> nodes;
  for (const auto& [count, domain] : room.domains) {
    if (!wider) areas.emplace_back(domain);
    const auto& members = state_.domains()[domain].nodes;
    nodes.insert(nodes.end(), members.begin(), members.end());
  }
  std::ranges::sort(nodes, {}, [&](NodeIndex node) { return state_.order_of(node); });
  if (!narrow && (wider || room.domains.size() > 1)) areas.emplace_back(std::move(nodes));
  const int64_t work = search_left_;
  int64_t spent = 0;
  for (size_t i = 0; i < areas.size() && !out_of_budget_; ++i) {
    search_left_ = (work - spent) / static_cast<int64_t>(areas.size() - i);
    const int64_t before = search_left_;
    auto point = state_.checkpoint();
    const size_t bound = bindings_.size();
    if (place_topology(parts, demand_.topology, areas[i], true)) {
      state_.commit(point);
      return true;
    }
    undo_to(point, bound);
    spent += before - search_left_;
  }
  explain_spread(parts, room, level);
  return false;
}

void Placer::explain_spread(const Parts& parts, const SpreadRoom& room, uint32_t level) {
  if (room.domains.empty()) return explain_domain(parts, level, Area(std::vector<NodeIndex>{}));
  if (room.everywhere) return;
  std::vector<std::string> names;
  names.reserve(room.domains.size());
  for (const auto& [count, domain] : room.domains)
    names.push_back(state_.domains()[domain].name);
  std::ranges::sort(names);
  constexpr size_t kNamed = 5;
  const size_t more = names.size() > kNamed ? names.size() - kNamed : 0;
  names.resize(names.size() - more);
  why_.reason = "GangSpread";
  why_.message = fmt::format(
      "spread over {} with maxSkew {} leaves {}{} (least gangs in one that could hold it: {}), and there: {}",
      demand_.spread.level, demand_.spread.max_skew, fmt::join(names, ", "),
      more > 0 ? fmt::format(" and {} more", more) : "", room.least, why_.message);
}

}  // namespace stowage::engine
