#include <algorithm>

#include "gpu-scheduler/engine/domain_sets.h"
#include "gpu-scheduler/engine/placer.h"

/// A preferred level: one domain of it, else the fewest.
namespace stowage::engine {

bool Placer::place_preferred(const Parts& parts, uint32_t level, const Area& outer, bool top) {
  auto areas = candidates(parts, level, outer);
  const DomainId joined = top ? joined_domain(level) : kNone;
  if (joined != kNone) std::erase_if(areas, [&](const auto& area) { return area.first != joined; });
  if (place_first(parts, areas, top)) return true;
  if (out_of_budget_) return false;
  const bool searching = top && hard();
  if (searching && search_one_of(areas, search_left_ / 4)) return true;
  if (!place_fewest_domains(parts, level, outer, top)) return false;
  if (top) name_domain();
  return true;
}

/// Whether the gang fits at all is settled first where that needs a search; then the sets of domains are gone
/// through, and what was found first is taken when none of them holds it.
bool Placer::place_fewest_domains(const Parts& parts, uint32_t level, const Area& outer, bool top) {
  const bool searching = top && hard();
  std::vector<Binding> anywhere;
  if (searching) {
    given_up_ = false;
    auto point = state_.checkpoint();
    const size_t before = bindings_.size();
    const bool fits = try_in(parts, outer, top) || (!out_of_budget_ && search_in(outer, search_left_ / 2));
    anywhere.assign(bindings_.begin() + static_cast<std::ptrdiff_t>(before), bindings_.end());
    undo_to(point, before);
    if (!fits) return false;
  }
  std::map<ClassId, int64_t> wanted;
  for (const uint32_t part : parts)
    wanted[demand_.parts[part].pod_class] += demand_.parts[part].count;
  std::vector<DomainSets::Need> needs;
  needs.reserve(wanted.size());
  for (const auto& [pod, count] : wanted)
    needs.push_back({pod, count});
  if (!budget_.spend(static_cast<int64_t>(state_.node_count()))) {
    out_of_budget_ = true;
    return false;
  }
  DomainSets sets(state_, policy_, std::move(needs), outer, level,
                  top ? std::span<const NodeIndex>(demand_.joined) : std::span<const NodeIndex>());
  WorkBudget work(100'000);
  const auto attempt = [&](const DomainSets::Set& set) {
    work.spend(static_cast<int64_t>(set.size()));
    return place_in_set(parts, set, top);
  };
  if (sets.run(attempt, work)) return true;
  if (searching) {
    for (const auto& binding : anywhere)
      assign_devices(binding.part, binding.member, binding.node, binding.devices);
    return true;
  }
  return (work.exhausted() && sets.run_largest(attempt)) || try_in(parts, outer, top);
}

/// Interchangeable pods fill one domain after the other, the roomiest first; others take the set as one area.
bool Placer::place_in_set(const Parts& parts, const DomainSets::Set& set, bool top) {
  const bool plain = parts.size() == 1 && demand_.subgroups.empty() &&
                     !state_.cross_pod().concerns(state_, demand_.parts[parts[0]].pod_class);
  if (!plain) {
    std::vector<NodeIndex> nodes;
    for (const auto* cell : set)
      nodes.insert(nodes.end(), cell->nodes.begin(), cell->nodes.end());
    std::ranges::sort(nodes, {}, [&](NodeIndex node) { return state_.order_of(node); });
    const Area area(std::move(nodes));
    return try_in(parts, area, top) ||
           (top && !out_of_budget_ && hard() && search_in(area, search_left_ / 8));
  }
  auto point = state_.checkpoint();
  const size_t before = bindings_.size();
  auto sorted = set;
  std::ranges::stable_sort(sorted, std::greater{},
                           [](const DomainSets::Cell* cell) { return std::pair(cell->joined, cell->room); });
  uint32_t member = 0;
  const auto end = static_cast<uint32_t>(demand_.parts[parts[0]].count);
  for (const auto* cell : sorted) {
    const auto upto = static_cast<uint32_t>(std::min<int64_t>(end, member + cell->room));
    if (upto == member) continue;
    if (!place_fewest_nodes(parts[0], member, upto, Area(cell->nodes))) break;
    member = upto;
  }
  if (member == end) {
    state_.commit(point);
    return true;
  }
  undo_to(point, before);
  return false;
}

/// The tightest domain that holds the whole gang.
void Placer::name_domain() {
  why_.domain.clear();
  for (auto level = static_cast<uint32_t>(state_.topology_levels().size()); level-- > 0;) {
    const DomainId first = state_.domain_of(bindings_.front().node, level);
    const bool one = std::ranges::all_of(
        bindings_, [&](const Binding& binding) { return state_.domain_of(binding.node, level) == first; });
    if (first == kNone || !one) continue;
    why_.domain = state_.domains()[first].name;
    return;
  }
}

}  // namespace stowage::engine
