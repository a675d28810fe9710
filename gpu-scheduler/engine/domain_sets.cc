#include "gpu-scheduler/engine/domain_sets.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "gpu-scheduler/engine/class_cache.h"

namespace stowage::engine {

DomainSets::DomainSets(ClusterState& state, const Policy& policy, std::vector<Need> needs, const Area& outer,
                       uint32_t level, std::span<const NodeIndex> joined)
    : needs_(std::move(needs)), levels_(level + 1), sizes_(level + 1) {
  for (const Need& need : needs_)
    wanted_ += need.count;
  const std::set<NodeIndex> with_members(joined.begin(), joined.end());
  std::vector<std::map<std::tuple<uint32_t, DomainId, NodeIndex>, uint32_t>> ids(level + 1);
  for (const NodeIndex node : outer.nodes(state)) {
    uint32_t parent = 0;
    for (uint32_t at = 0; at <= level; ++at) {
      const DomainId domain = state.domain_of(node, at);
      const NodeIndex alone = at == level && domain == kNone ? node : kNone;
      auto& cells = levels_[at];
      auto [id, fresh] =
          ids[at].emplace(std::tuple(parent, domain, alone), static_cast<uint32_t>(cells.size()));
      if (fresh)
        cells.push_back({.nodes = {}, .slots = std::vector<int64_t>(needs_.size()), .parent = parent});
      parent = id->second;
      cells[parent].nodes.push_back(node);
      cells[parent].joined = cells[parent].joined || with_members.contains(node);
    }
  }
  for (size_t i = 0; i < needs_.size(); ++i) {
    const auto& cache = state.caches().get(state, needs_[i].pod_class, policy, true);
    for (auto& cells : levels_) {
      for (Cell& cell : cells) {
        for (const NodeIndex node : cell.nodes)
          cell.slots[i] += cache.entries[node].slots;
        cell.room += std::min(cell.slots[i], needs_[i].count);
      }
    }
  }
}

bool DomainSets::run(const Try& attempt, WorkBudget& budget) {
  attempt_ = &attempt;
  budget_ = &budget;
  largest_only_ = false;
  return fewest(0);
}

bool DomainSets::run_largest(const Try& attempt) {
  auto unlimited = WorkBudget::unlimited();
  attempt_ = &attempt;
  budget_ = &unlimited;
  largest_only_ = true;
  return fewest(0);
}

/// The fewest domains of the level that some set has, given the numbers of the levels above.
bool DomainSets::fewest(uint32_t level) {
  std::vector<int64_t> rooms;
  int64_t room = 0;
  for (const Cell& cell : levels_[level]) {
    if (cell.joined) room += cell.room;
    if (!cell.joined && cell.room > 0) rooms.push_back(cell.room);
  }
  std::ranges::sort(rooms, std::greater{});
  size_t least = 0;
  while (room < wanted_ && least < rooms.size())
    room += rooms[least++];
  if (room < wanted_) return false;
  const bool last = level + 1 == levels_.size();
  for (size_t size = least; size <= rooms.size() && !budget_->exhausted(); ++size) {
    sizes_[level] = size;
    // First whether there is such a set at all.
    if (choose(0, {0}, level) && (last || fewest(level + 1))) return true;
  }
  return false;
}

/// The domains of one level that a set may take of those below the chosen ones above.
struct DomainSets::Choosing {
  uint32_t level = 0;
  uint32_t last = 0;            ///< Level at which choosing ends.
  std::vector<uint32_t> open;   ///< The most room first.
  std::vector<int64_t> sums;    ///< Room of the first i of them.
  std::vector<uint32_t> taken;  ///< Joined ones first.
};

bool DomainSets::choose(uint32_t level, std::vector<uint32_t> parents, uint32_t last) {
  std::ranges::sort(parents);
  const auto& cells = levels_[level];
  Choosing choosing{.level = level, .last = last, .open = {}, .sums = {0}, .taken = {}};
  int64_t room = 0;
  for (uint32_t id = 0; id < cells.size(); ++id) {
    if (level > 0 && !std::ranges::binary_search(parents, cells[id].parent)) continue;
    if (cells[id].joined) {
      choosing.taken.push_back(id);
      room += cells[id].room;
    } else if (cells[id].room > 0) {
      choosing.open.push_back(id);
    }
  }
  std::ranges::stable_sort(choosing.open, std::greater{}, [&](uint32_t id) { return cells[id].room; });
  for (const uint32_t id : choosing.open)
    choosing.sums.push_back(choosing.sums.back() + cells[id].room);
  return pick(choosing, 0, sizes_[level], room);
}

bool DomainSets::pick(Choosing& choosing, size_t start, size_t more, int64_t room) {
  if (!budget_->spend()) return false;
  if (more == 0) return room >= wanted_ && chosen(choosing);
  const auto& open = choosing.open;
  if (start + more > open.size()) return false;
  auto take = [&](size_t at) {
    choosing.taken.push_back(open[at]);
    const bool done = pick(choosing, at + 1, more - 1, room + levels_[choosing.level][open[at]].room);
    choosing.taken.pop_back();
    return done;
  };
  const auto fits = [&](size_t at) { return room + choosing.sums[at + more] - choosing.sums[at] >= wanted_; };
  if (!fits(start)) return false;
  if (more > 1) {
    for (size_t at = start; at + more <= open.size() && fits(at); ++at) {
      if (take(at)) return true;
      if (largest_only_) return false;
    }
    return false;
  }
  // The last one as tight as it can be.
  size_t end = start;
  while (end < open.size() && fits(end))
    ++end;
  while (end-- > start) {
    if (take(end)) return true;
    if (largest_only_) return false;
  }
  return false;
}

bool DomainSets::chosen(Choosing& choosing) {
  if (!covers(choosing.level, choosing.taken)) return false;
  if (choosing.level < choosing.last) return choose(choosing.level + 1, choosing.taken, choosing.last);
  if (choosing.level + 1 < levels_.size()) return true;
  Set set;
  for (const uint32_t id : choosing.taken)
    set.push_back(&levels_[choosing.level][id]);
  return (*attempt_)(set);
}

bool DomainSets::covers(uint32_t level, const std::vector<uint32_t>& cells) const {
  for (size_t i = 0; i < needs_.size(); ++i) {
    int64_t slots = 0;
    for (const uint32_t id : cells)
      slots += levels_[level][id].slots[i];
    if (slots < needs_[i].count) return false;
  }
  return true;
}

}  // namespace stowage::engine
