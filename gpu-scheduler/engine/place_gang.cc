#include <fmt/format.h>

#include <algorithm>

#include "gpu-scheduler/engine/placer.h"

/// Gangs: spread between gangs, then the domain, then the nodes inside it.
namespace stowage::engine {

void Placer::undo_to(ClusterState::Checkpoint point, size_t bindings) {
  state_.rollback(point);
  bindings_.resize(bindings);
}

/// Gangs with one spread key go to the domains that hold the fewest of them first. It is a preference: where
/// only a fuller domain has room, that one is taken.
bool Placer::place_spread(const Parts& parts) {
  if (demand_.spread.level.empty()) return place_topology(parts, demand_.topology, kNone, true);
  uint32_t level = *state_.level_index(demand_.spread.level);
  std::map<DomainId, std::vector<std::string_view>> gangs;
  for (PodIndex index = 0; index < state_.pod_limit(); ++index) {
    if (!state_.has_pod(index)) continue;
    const auto& pod = state_.pod(index);
    if (pod.spread_key != demand_.spread_key || pod.group == demand_.name || pod.terminating) continue;
    DomainId domain = state_.domain_of(pod.node, level);
    if (domain != kNone) gangs[domain].push_back(pod.group.empty() ? std::string_view(pod.uid) : pod.group);
  }
  std::vector<std::pair<size_t, DomainId>> order;
  for (DomainId domain = 0; domain < state_.domains().size(); ++domain) {
    if (state_.domains()[domain].level != level) continue;
    auto& names = gangs[domain];
    std::ranges::sort(names);
    order.emplace_back(names.size() - std::ranges::unique(names).size(), domain);
  }
  std::ranges::stable_sort(order);
  for (auto [count, domain] : order) {
    if (demand_.topology.mode != TopologyRequest::Mode::kNone &&
        *state_.level_index(demand_.topology.level) < level) {
      break;  // The gang may be wider than the domains it is spread over.
    }
    auto point = state_.checkpoint();
    size_t before = bindings_.size();
    if (place_topology(parts, demand_.topology, domain, true)) {
      state_.commit(point);
      return true;
    }
    undo_to(point, before);
  }
  return place_topology(parts, demand_.topology, kNone, true);
}

bool Placer::inside(DomainId domain, DomainId outer) const {
  if (outer == kNone) return true;
  const auto& domains = state_.domains();
  for (DomainId at = domain; at != kNone; at = domains[at].parent) {
    if (at == outer) return true;
  }
  return false;
}

int64_t Placer::room(ClassId pod, DomainId domain) {
  return state_.caches().get(state_, pod, policy_, true).domain_slots[domain];
}

/// Domains of the level that have room for every part by itself, the tightest first.
std::vector<DomainId> Placer::candidates(const Parts& parts, uint32_t level, DomainId outer) {
  std::map<ClassId, int64_t> wanted;
  for (uint32_t part : parts)
    wanted[demand_.parts[part].pod_class] += demand_.parts[part].count;
  std::vector<std::pair<int64_t, DomainId>> found;
  std::vector<ClassCache*> caches;
  for (auto [pod, count] : wanted)
    caches.push_back(&state_.caches().get(state_, pod, policy_, true));
  const auto& domains = state_.domains();
  auto first = std::ranges::lower_bound(domains, level, {}, &Domain::level);
  for (auto it = first; it != domains.end() && it->level == level; ++it) {
    auto domain = static_cast<DomainId>(it - domains.begin());
    if (!inside(domain, outer)) continue;
    int64_t slack = 0;
    bool fits = true;
    size_t i = 0;
    for (auto [pod, count] : wanted) {
      int64_t slots = caches[i++]->domain_slots[domain];
      if (slots < count) {
        fits = false;
        break;
      }
      slack += slots;
    }
    if (fits) found.emplace_back(slack, domain);
  }
  if (!budget_.spend(static_cast<int64_t>(domains.size()))) {
    out_of_budget_ = true;
    return {};
  }
  std::ranges::sort(found);
  std::vector<DomainId> out;
  for (auto [slack, domain] : found)
    out.push_back(domain);
  return out;
}

bool Placer::place_topology(const Parts& parts, const TopologyRequest& topology, DomainId outer, bool top) {
  if (topology.mode == TopologyRequest::Mode::kNone) return place_in_domain(parts, outer, top);
  uint32_t level = *state_.level_index(topology.level);
  DomainId joined = kNone;
  if (top && !demand_.joined.empty()) {
    joined = state_.domain_of(demand_.joined.front(), level);
    for (NodeIndex node : demand_.joined) {
      if (state_.domain_of(node, level) != joined) joined = kNone;
    }
  }
  bool required = topology.mode == TopologyRequest::Mode::kRequired;
  for (uint32_t at = level + 1; at-- > 0;) {
    auto domains = candidates(parts, at, outer);
    if (at == level && joined != kNone) {
      bool has_room = std::ranges::find(domains, joined) != domains.end();
      domains.clear();
      if (has_room) domains.push_back(joined);
    }
    for (DomainId domain : domains) {
      if (out_of_budget_) return false;
      auto point = state_.checkpoint();
      size_t before = bindings_.size();
      if (place_in_domain(parts, domain, top)) {
        state_.commit(point);
        if (top) why_.domain = state_.domains()[domain].name;
        return true;
      }
      undo_to(point, before);
    }
    if (required) break;
  }
  if (required) {
    explain_domain(parts, level, outer);
    return false;
  }
  return place_in_domain(parts, outer, top);
}

/// The gang's sub-groups each in a domain of their own inside this one; or its parts, on the fewest nodes.
bool Placer::place_in_domain(const Parts& parts, DomainId domain, bool top) {
  if (top && !demand_.subgroups.empty()) {
    for (size_t group = 0; group < demand_.subgroups.size(); ++group) {
      Parts members;
      for (uint32_t part : parts) {
        if (demand_.parts[part].subgroup == static_cast<int32_t>(group)) members.push_back(part);
      }
      if (!members.empty() && !place_topology(members, demand_.subgroups[group].topology, domain, false))
        return false;
    }
    return true;
  }
  if (parts.size() == 1 && domain != kNone && demand_.parts[parts[0]].count > 1 &&
      !state_.cross_pod().concerns(state_, demand_.parts[parts[0]].pod_class)) {
    return place_fewest_nodes(parts[0], domain);
  }
  return place_flat(parts, domain);
}

bool Placer::place_flat(const Parts& parts, DomainId domain) {
  for (uint32_t part : parts) {
    const auto& wanted = demand_.parts[part];
    for (uint32_t member = 0; member < static_cast<uint32_t>(wanted.count); ++member) {
      auto choice = pick(wanted.pod_class, domain);
      if (choice.node == kNone) {
        if (out_of_budget_) return false;
        explain_rejection(wanted.pod_class, domain);
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

/// Interchangeable pods on as few nodes of the domain as possible: the fullest that takes all the rest, else
/// the one that takes most.
bool Placer::place_fewest_nodes(uint32_t part, DomainId domain) {
  const auto& wanted = demand_.parts[part];
  uint32_t member = 0;
  while (member < static_cast<uint32_t>(wanted.count)) {
    auto& cache = state_.caches().get(state_, wanted.pod_class, policy_, true);
    const auto& compiled = state_.compiled(wanted.pod_class);
    int32_t left = wanted.count - static_cast<int32_t>(member);
    NodeIndex best = kNone;
    const auto& nodes = state_.domains()[domain].nodes;
    if (!budget_.spend(static_cast<int64_t>(nodes.size()))) {
      out_of_budget_ = true;
      return false;
    }
    auto net = [&](NodeIndex node) {
      return cache.scores[node] -
             state_.caches().group_price(state_, policy_, cache.group_of[node], compiled);
    };
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
      explain_rejection(wanted.pod_class, domain);
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

void Placer::explain_domain(const Parts& parts, uint32_t level, DomainId outer) {
  if (parts.empty()) return;
  const auto& first = demand_.parts[parts.front()];
  int64_t wanted = 0;
  for (uint32_t part : parts)
    wanted += demand_.parts[part].count;
  explain_rejection(first.pod_class, kNone);
  DomainId nearest = kNone;
  int64_t most = 0;
  for (DomainId domain = 0; domain < state_.domains().size(); ++domain) {
    if (state_.domains()[domain].level != level || !inside(domain, outer)) continue;
    int64_t slots = 0;
    for (uint32_t part : parts) {
      slots += std::min<int64_t>(room(demand_.parts[part].pod_class, domain), demand_.parts[part].count);
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
  why_.message = fmt::format("no {} has room for {} pods: the nearest, {}, has for {}{}", name, wanted,
                             why_.nearest_domain, most, detail);
}

}  // namespace stowage::engine
