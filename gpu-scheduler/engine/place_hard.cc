#include <algorithm>

#include "gpu-scheduler/engine/placer.h"

/// Gangs whose pods compete for room: where taking the best node for one pod after the other fails, every
/// arrangement is looked at before the gang is refused.
namespace stowage::engine {

/// False where the order does not matter: then what taking one after the other refuses does not fit.
bool Placer::hard() const {
  if (demand_.pod_count() == 1) return false;
  const ClassId first = demand_.parts.front().pod_class;
  bool one_class = true;
  for (const auto& part : demand_.parts)
    one_class = one_class && part.pod_class == first;
  return !one_class || demand_.subgroups.size() > 1 || state_.cross_pod().concerns(state_, first);
}

/// The parts of each sub-group that has a topology; those without one, together, are the last.
std::vector<Placer::Parts> Placer::groups_of_parts() const {
  std::vector<Parts> out(demand_.subgroups.size() + 1);
  for (uint32_t part = 0; part < demand_.parts.size(); ++part) {
    const auto group = static_cast<size_t>(demand_.parts[part].subgroup);
    const bool own =
        !demand_.subgroups.empty() && demand_.subgroups[group].topology.mode != TopologyRequest::Mode::kNone;
    out[own ? group : demand_.subgroups.size()].push_back(part);
  }
  return out;
}

/// Where the pods of a sub-group may go inside the area; a preference ends with the area itself.
std::vector<Area> Placer::areas_for(const Parts& parts, const TopologyRequest& topology, const Area& outer) {
  std::vector<Area> out;
  if (topology.mode != TopologyRequest::Mode::kNone) {
    for (auto& [domain, area] : candidates(parts, *state_.level_index(topology.level), outer))
      out.push_back(std::move(area));
  }
  if (topology.mode != TopologyRequest::Mode::kRequired) out.push_back(outer);
  return out;
}

std::vector<SearchGroup> Placer::search_groups(const Area& area) {
  std::vector<SearchGroup> out;
  const auto groups = groups_of_parts();
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].empty()) continue;
    const TopologyRequest none;
    auto& group = out.emplace_back();
    group.areas =
        areas_for(groups[i], i < demand_.subgroups.size() ? demand_.subgroups[i].topology : none, area);
    for (const uint32_t part : groups[i]) {
      const auto& wanted = demand_.parts[part];
      auto need = std::ranges::find(group.needs, wanted.pod_class, &SearchGroup::Need::pod_class);
      if (need == group.needs.end()) {
        group.needs.push_back({wanted.pod_class, 0});
        need = group.needs.end() - 1;
      }
      need->count += wanted.count;
    }
  }
  return out;
}

/// Searches the area with at most `work` looks at nodes; on success the pods are assigned.
bool Placer::search_in(const Area& area, int64_t work) {
  auto groups = search_groups(area);
  if (std::ranges::any_of(groups, [](const SearchGroup& group) { return group.areas.empty(); })) return false;
  const int64_t limit = std::min(work, budget_.left());
  WorkBudget budget(limit);
  GangSearch search(state_, policy_, std::move(groups), budget);
  const auto result = search.run();
  search_left_ -= limit - budget.left();
  if (!budget_.spend(limit - budget.left())) out_of_budget_ = true;
  if (result == GangSearch::Result::kGivenUp) given_up_ = true;
  if (result != GangSearch::Result::kFound) return false;
  auto parts = groups_of_parts();
  std::erase_if(parts, [](const Parts& group) { return group.empty(); });
  take_arrangement(parts, search.steps());
  return true;
}

/// In the first of the areas that holds them in some arrangement; the work is shared out among them.
bool Placer::search_one_of(const std::vector<std::pair<DomainId, Area>>& areas, int64_t work) {
  auto left = static_cast<int64_t>(areas.size());
  for (const auto& [domain, area] : areas) {
    const int64_t before = search_left_;
    if (search_in(area, work / left--)) {
      why_.domain = state_.domains()[domain].name;
      return true;
    }
    work -= before - search_left_;
  }
  return false;
}

/// Assigns the members in the order of the search: rules between pods are met in it.
void Placer::take_arrangement(const std::vector<Parts>& groups, const std::vector<SearchStep>& steps) {
  std::vector<uint32_t> next(demand_.parts.size());
  for (const SearchStep& step : steps) {
    for (const uint32_t part : groups[step.group]) {
      const auto& wanted = demand_.parts[part];
      if (wanted.pod_class != step.pod_class || next[part] == static_cast<uint32_t>(wanted.count)) continue;
      assign(part, next[part]++, {step.node, step.device_free});
      break;
    }
  }
}

}  // namespace stowage::engine
