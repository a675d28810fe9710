#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "gpu-scheduler/engine/placer.h"

/// Gangs: the domain, then the nodes inside it.
namespace stowage::engine {

void Placer::undo_to(ClusterState::Checkpoint point, size_t bindings) {
  state_.rollback(point);
  while (bindings_.size() > bindings) {
    if (policy_.topology > 0) near_.remove(state_, bindings_.back().node);
    bindings_.pop_back();
  }
}

int64_t Placer::room(const ClassCache& cache, const Area& area) const {
  if (area.domain() != kNone) return cache.domain_slots[area.domain()];
  int64_t slots = 0;
  for (const NodeIndex node : area.nodes(state_))
    slots += cache.entries[node].slots;
  return slots;
}

/// Domains of the level that have room for every part by itself, the tightest first.
std::vector<std::pair<DomainId, Area>> Placer::candidates(const Parts& parts, uint32_t level,
                                                          const Area& outer) {
  std::map<ClassId, int64_t> wanted;
  for (uint32_t part : parts)
    wanted[demand_.parts[part].pod_class] += demand_.parts[part].count;
  std::vector<const ClassCache*> caches;
  caches.reserve(wanted.size());
  for (const auto& [pod, count] : wanted)
    caches.push_back(&state_.caches().get(state_, pod, policy_, true));
  auto domains = split(state_, outer, level);
  if (!budget_.spend(static_cast<int64_t>(state_.domains().size()))) {
    out_of_budget_ = true;
    return {};
  }
  std::vector<std::tuple<int64_t, DomainId, size_t>> found;
  for (size_t i = 0; i < domains.size(); ++i) {
    int64_t slack = 0;
    bool fits = true;
    size_t at = 0;
    for (const auto& [pod, count] : wanted) {
      const int64_t slots = room(*caches[at++], domains[i].second);
      fits = fits && slots >= count;
      slack += slots;
    }
    if (fits) found.emplace_back(slack, domains[i].first, i);
  }
  std::ranges::sort(found);
  std::vector<std::pair<DomainId, Area>> out;
  out.reserve(found.size());
  for (const auto& entry : found)
    out.push_back(std::move(domains[std::get<2>(entry)]));
  return out;
}

/// The one domain of the level that holds every member that is bound already; kNone when there is none.
DomainId Placer::joined_domain(uint32_t level) const {
  if (demand_.joined.empty()) return kNone;
  const DomainId joined = state_.domain_of(demand_.joined.front(), level);
  const bool one = std::ranges::all_of(
      demand_.joined, [&](NodeIndex node) { return state_.domain_of(node, level) == joined; });
  return one ? joined : kNone;
}

bool Placer::place_topology(const Parts& parts, const TopologyRequest& topology, const Area& outer,
                            bool top) {
  if (topology.mode == TopologyRequest::Mode::kNone)
    return try_in(parts, outer, top) || (top && !out_of_budget_ && hard() && search_in(outer, search_left_));
  const uint32_t level = *state_.level_index(topology.level);
  return topology.mode == TopologyRequest::Mode::kRequired ? place_required(parts, level, outer, top)
                                                           : place_preferred(parts, level, outer, top);
}

bool Placer::place_required(const Parts& parts, uint32_t level, const Area& outer, bool top) {
  auto areas = candidates(parts, level, outer);
  if (const DomainId joined = top ? joined_domain(level) : kNone; joined != kNone)
    std::erase_if(areas, [&](const auto& area) { return area.first != joined; });
  if (place_first(parts, areas, top)) return true;
  if (out_of_budget_) return false;
  if (top && hard() && search_one_of(areas, search_left_)) return true;
  explain_domain(parts, level, outer);
  return false;
}

/// In the first of the areas where taking the best node for pod after pod places them all.
bool Placer::place_first(const Parts& parts, const std::vector<std::pair<DomainId, Area>>& areas, bool top) {
  for (const auto& [domain, area] : areas) {
    if (out_of_budget_) return false;
    if (!try_in(parts, area, top)) continue;
    if (top) why_.domain = state_.domains()[domain].name;
    return true;
  }
  return false;
}

/// place_in(), undone when it fails.
bool Placer::try_in(const Parts& parts, const Area& area, bool top) {
  auto point = state_.checkpoint();
  size_t before = bindings_.size();
  if (place_in(parts, area, top)) {
    state_.commit(point);
    return true;
  }
  undo_to(point, before);
  return false;
}

/// The gang's sub-groups each in a domain of their own inside this area; or its parts, on the fewest nodes.
bool Placer::place_in(const Parts& parts, const Area& area, bool top) {
  if (top && !demand_.subgroups.empty()) {
    for (size_t group = 0; group < demand_.subgroups.size(); ++group) {
      Parts members;
      for (uint32_t part : parts) {
        if (demand_.parts[part].subgroup == static_cast<int32_t>(group)) members.push_back(part);
      }
      if (!members.empty() && !place_topology(members, demand_.subgroups[group].topology, area, false))
        return false;
    }
    return true;
  }
  if (parts.size() == 1 && !area.everywhere() && demand_.parts[parts[0]].count > 1 &&
      !state_.cross_pod().concerns(state_, demand_.parts[parts[0]].pod_class)) {
    return place_fewest_nodes(parts[0], 0, static_cast<uint32_t>(demand_.parts[parts[0]].count), area);
  }
  return place_flat(parts, area);
}

bool Placer::place_flat(const Parts& parts, const Area& area) {
  for (uint32_t part : parts) {
    const auto& wanted = demand_.parts[part];
    for (uint32_t member = 0; member < static_cast<uint32_t>(wanted.count); ++member) {
      auto choice = pick(wanted.pod_class, area);
      if (choice.node == kNone) {
        if (out_of_budget_) return false;
        explain_rejection(wanted.pod_class, area);
        if (demand_.pod_count() > 1) {
          why_.message = fmt::format("room for {} of {} pods, then: {}", bindings_.size(),
                                     demand_.pod_count(), why_.message);
        }
        return false;
      }
      assign(part, member, choice);
    }
  }
  return true;
}

/// Members [member, end) of a part, interchangeable, on as few nodes of the area as possible: the fullest
/// that takes all the rest, else the one that takes most.
bool Placer::place_fewest_nodes(uint32_t part, uint32_t member, uint32_t end, const Area& area) {
  const auto& wanted = demand_.parts[part];
  while (member < end) {
    auto& cache = state_.caches().get(state_, wanted.pod_class, policy_, true);
    const auto& compiled = state_.compiled(wanted.pod_class);
    const auto left = static_cast<int32_t>(end - member);
    NodeIndex best = kNone;
    const auto nodes = area.nodes(state_);
    if (!budget_.spend(static_cast<int64_t>(nodes.size()))) {
      out_of_budget_ = true;
      return false;
    }
    const auto price = state_.caches().group_prices(state_, policy_, compiled);
    auto net = [&](NodeIndex node) { return cache.scores[node] - price[cache.group_of(node)]; };
    auto better = [&](NodeIndex a, NodeIndex b) {  // a before b
      int32_t x = cache.entries[a].slots;
      int32_t y = cache.entries[b].slots;
      if ((x >= left) != (y >= left)) return x >= left;
      if (x != y) return x >= left ? x < y : x > y;
      return net(a) > net(b);
    };
    for (NodeIndex node : nodes) {
      if (cache.entries[node].slots > 0 && (best == kNone || better(node, best))) best = node;
    }
    if (best == kNone) {
      explain_rejection(wanted.pod_class, area);
      return false;
    }
    int32_t here = std::min(left, cache.entries[best].slots);
    for (int32_t i = 0; i < here; ++i) {
      if (i > 0 && compiled.shares()) state_.caches().get(state_, wanted.pod_class, policy_, true);
      if (cache.scores[best] == ClassCache::kInfeasible) break;
      assign(part, member++, {best, cache.entries[best].device_free});
    }
  }
  return true;
}

void Placer::explain_domain(const Parts& parts, uint32_t level, const Area& outer) {
  if (parts.empty()) return;
  const auto& first = demand_.parts[parts.front()];
  int64_t wanted = 0;
  for (uint32_t part : parts)
    wanted += demand_.parts[part].count;
  explain_rejection(first.pod_class, Area{});
  DomainId nearest = kNone;
  int64_t most = 0;
  for (const auto& [domain, area] : split(state_, outer, level)) {
    int64_t slots = 0;
    for (uint32_t part : parts) {
      slots += std::min<int64_t>(
          room(state_.caches().get(state_, demand_.parts[part].pod_class, policy_, true), area),
          demand_.parts[part].count);
    }
    if (nearest == kNone || slots > most) nearest = domain, most = slots;
  }
  const auto& name = state_.topology_levels()[level].name;
  if (nearest == kNone) {
    why_.reason = "UnknownDomain";
    why_.message = fmt::format("no node carries a label of topology level \"{}\"", name);
    return;
  }
  why_.nearest_domain = state_.domains()[nearest].name;
  why_.nearest_domain_pods = most;
  std::string detail = why_.counts.empty() ? "" : fmt::format("; {}", why_.message);
  why_.reason = "InsufficientDomain";
  why_.message =
      most < wanted ? fmt::format("no {} has room for {} pods: the nearest, {}, has for {}{}", name, wanted,
                                  why_.nearest_domain, most, detail)
                    : fmt::format("no {} takes {} pods together, though {} has room for each class of them{}",
                                  name, wanted, why_.nearest_domain, detail);
}

}  // namespace stowage::engine
