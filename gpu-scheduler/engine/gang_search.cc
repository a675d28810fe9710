#include "gpu-scheduler/engine/gang_search.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/check.h"
#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/device_choice.h"

namespace stowage::engine {
namespace {

std::vector<ClassId> classes_of(const std::vector<SearchGroup>& groups) {
  std::set<ClassId> out;
  for (const auto& group : groups) {
    for (const auto& need : group.needs)
      out.insert(need.pod_class);
  }
  return {out.begin(), out.end()};
}

std::vector<std::vector<Area>> areas_of(const std::vector<SearchGroup>& groups) {
  std::vector<std::vector<Area>> out;
  out.reserve(groups.size());
  for (const auto& group : groups)
    out.push_back(group.areas);
  return out;
}

/// Rules that a pod may fail now and pass once others of the gang are placed.
bool waits_for_others(const PodClass& pod) {
  return !pod.required_affinity.empty() ||
         std::ranges::any_of(pod.spread_constraints, [](const TopologySpreadConstraint& rule) {
           return rule.when_unsatisfiable == WhenUnsatisfiable::kDoNotSchedule;
         });
}

/// A pod that asks for the least of everything that any of the classes asks for: as many of it fit on a node
/// as of any mixture, or more.
class LeastPod {
 public:
  void join(const CompiledClass& pod) {
    cpu_ = std::min(cpu_, pod.cpu_milli);
    memory_ = std::min(memory_, pod.memory_bytes);
    pods_ = std::min(pods_, pod.pods);
    resource_ = !begun_ || resource_ == pod.device_resource ? pod.device_resource : kNone;
    devices_ = std::min(devices_, pod.device_demand());
    begun_ = true;
  }
  [[nodiscard]] int64_t slots(const NodeRow& row) const {
    int64_t out = std::numeric_limits<int32_t>::max();
    auto limit = [&](int64_t free, int64_t each) {
      if (each > 0) out = std::min(out, std::max<int64_t>(free, 0) / each);
    };
    limit(row.free_cpu_milli, cpu_);
    limit(row.free_memory_bytes, memory_);
    limit(row.free_pods, pods_);
    if (resource_ == kNone || devices_ == 0) return out;
    int64_t milli = 0;
    bool pooled = false;
    for (const auto& pool : row.pools) {
      if (pool.resource != resource_) continue;
      pooled = true;
      for (size_t i = pool.first; i < size_t{pool.first} + pool.count; ++i)
        milli += row.device_free[i];
    }
    if (pooled) limit(milli, devices_);
    return out;
  }

 private:
  static constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  int64_t cpu_ = kMost;
  int64_t memory_ = kMost;
  int64_t pods_ = kMost;
  int64_t devices_ = kMost;
  uint32_t resource_ = kNone;
  bool begun_ = false;
};

}  // namespace

GangSearch::GangSearch(ClusterState& state, const Policy& policy, std::vector<SearchGroup> groups,
                       WorkBudget& budget)
    : state_(state),
      policy_(policy),
      budget_(budget),
      groups_(std::move(groups)),
      symmetry_(state, classes_of(groups_), areas_of(groups_)),
      area_of_(groups_.size(), kNone),
      put_(state.node_limit()),
      touched_of_kind_(symmetry_.kinds().size()) {
  for (uint32_t group = 0; group < groups_.size(); ++group) {
    for (const auto& need : groups_[group].needs) {
      needs_.push_back({group, symmetry_.index_of(need.pod_class), need.pod_class, need.count});
      any_order_ = any_order_ || waits_for_others(state.pod_class(need.pod_class));
    }
  }
  auto spare = [&](const Need& need) {
    int64_t slots = -need.left;
    for (const auto& kind : symmetry_.kinds()) {
      if (!kind.may[need.class_index]) continue;
      const auto& row = state.node(kind.nodes.front());
      slots += count_slots(row, state.compiled(need.pod_class)) * static_cast<int64_t>(kind.nodes.size());
    }
    return slots;
  };
  std::vector<int64_t> room;
  room.reserve(needs_.size());
  for (const auto& need : needs_)
    room.push_back(spare(need));
  std::vector<uint32_t> order(needs_.size());
  for (uint32_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::ranges::stable_sort(order, {}, [&](uint32_t i) { return std::tuple(needs_[i].group, room[i]); });
  std::vector<Need> sorted;
  sorted.reserve(order.size());
  for (const uint32_t i : order)
    sorted.push_back(needs_[i]);
  needs_ = std::move(sorted);
}

GangSearch::Result GangSearch::run() {
  if (!budget_.spend(static_cast<int64_t>(state_.node_count()))) return Result::kGivenUp;
  const auto start = state_.checkpoint();
  std::vector<Frame> frames(1);
  Result result = Result::kNotThere;
  bool found = expand(frames.back());
  while (!found && !frames.empty()) {
    if (budget_.exhausted()) {
      result = Result::kGivenUp;
      break;
    }
    Frame& top = frames.back();
    if (top.next > 0) undo(top);
    if (top.next == top.choices.size()) {
      frames.pop_back();
      continue;
    }
    apply(top);
    found = expand(frames.emplace_back());
  }
  // What was applied and not undone is open still, one checkpoint a frame.
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
    if (frame->next > 0 && frame->applied.need != kNone) state_.rollback(frame->point);
  }
  state_.rollback(start);
  return found ? Result::kFound : result;
}

void GangSearch::apply(Frame& frame) {
  frame.applied = frame.choices[frame.next++];
  const Choice& choice = frame.applied;
  if (choice.need == kNone) {
    area_of_[opened_++] = choice.area;
    return;
  }
  Need& need = needs_[choice.need];
  frame.point = state_.checkpoint();
  RunningPod pod{.pod_class = need.pod_class, .node = choice.node};
  const auto& row = state_.node(choice.node);
  if (choice.device_free > 0) {
    if (const auto* pool = pool_for(row, state_.compiled(need.pod_class)))
      pod.devices = device_with_free(row, *pool, choice.device_free);
  }
  if (!put_[choice.node].empty()) forget_touched(choice.node);
  state_.assign(std::move(pod));
  --need.left;
  count(choice, 1);
  steps_.push_back({need.group, need.pod_class, choice.node, choice.device_free});
}

void GangSearch::undo(Frame& frame) {
  const Choice& choice = frame.applied;
  if (choice.need == kNone) {
    area_of_[--opened_] = kNone;
    return;
  }
  Need& need = needs_[choice.need];
  forget_touched(choice.node);
  state_.rollback(frame.point);
  ++need.left;
  count(choice, -1);
  steps_.pop_back();
}

/// The node's pods have changed; it was taken out of touched_ before.
void GangSearch::count(const Choice& choice, int32_t by) {
  auto& pods = put_[choice.node];
  if (pods.empty()) {
    pods.resize(symmetry_.kinds().front().may.size());
    ++touched_of_kind_[symmetry_.kind_of(choice.node)];
  }
  pods[needs_[choice.need].class_index] += by;
  if (std::ranges::all_of(pods, [](int32_t each) { return each == 0; })) {
    pods.clear();
    --touched_of_kind_[symmetry_.kind_of(choice.node)];
    return;
  }
  touched_[text_of(choice.node)].insert(state_.order_of(choice.node));
}

void GangSearch::forget_touched(NodeIndex node) {
  const auto at = touched_.find(text_of(node));
  at->second.erase(state_.order_of(node));
  if (at->second.empty()) touched_.erase(at);
}

/// The choices of this position into the frame; true when nothing is left to place. No choices: a dead end.
bool GangSearch::expand(Frame& frame) {
  if (any_order_ && opened_ < groups_.size()) return open_group(frame);
  std::vector<uint32_t> active;
  for (uint32_t i = 0; i < needs_.size(); ++i) {
    if (needs_[i].left > 0 && needs_[i].group < opened_) active.push_back(i);
  }
  if (active.empty()) return opened_ == groups_.size() || open_group(frame);
  // What a position costs beside the looks, in looks; measured.
  constexpr int64_t kPosition = 12;
  budget_.spend(kPosition);
  if (!dead_.insert(position()).second) return false;
  std::vector<std::vector<Look>> looks(needs_.size());
  for (const uint32_t i : active) {
    looks[i] = look(needs_[i]);
    if (!room_for_all(needs_[i], looks[i])) return false;
  }
  for (uint32_t group = 0; group < opened_; ++group) {
    if (!room_together(group, looks)) return false;
  }
  for (const uint32_t i : active) {
    pods_of(i, looks, frame);
    if (!any_order_) break;
  }
  return false;
}

bool GangSearch::open_group(Frame& frame) {
  for (uint32_t area = 0; area < groups_[opened_].areas.size(); ++area)
    frame.choices.push_back({.area = area});
  return false;
}

/// The places for one pod of the need: nodes that fewer of the other classes could use first.
bool GangSearch::pods_of(uint32_t index, const std::vector<std::vector<Look>>& looks, Frame& frame) {
  const Need& need = needs_[index];
  const auto& compiled = state_.compiled(need.pod_class);
  auto& caches = state_.caches();
  const auto& cache = caches.get(state_, need.pod_class, policy_, false);
  std::map<NodeIndex, int32_t> rivals;
  for (uint32_t other = 0; other < needs_.size(); ++other) {
    if (other == index) continue;
    for (const Look& place : looks[other])
      ++rivals[place.node];
  }
  const auto price = caches.group_prices(state_, policy_, compiled);
  std::vector<std::tuple<int32_t, int64_t, uint32_t, NodeIndex>> order;
  for (const Look& place : looks[index]) {
    if (!place.now) continue;
    const auto met = rivals.find(place.node);
    order.emplace_back(met == rivals.end() ? 0 : met->second,
                       price[cache.group_of(place.node)] - cache.scores[place.node],
                       state_.order_of(place.node), place.node);
  }
  std::ranges::sort(order);
  for (const auto& entry : order) {
    const NodeIndex node = std::get<3>(entry);
    const auto& row = state_.node(node);
    const auto* pool = pool_for(row, compiled);
    if (!compiled.shares() || pool == nullptr) {
      frame.choices.push_back({.need = index, .node = node});
      continue;
    }
    std::set<int32_t> frees;
    for (size_t i = pool->first; i < size_t{pool->first} + pool->count; ++i) {
      if (row.device_free[i] >= compiled.device_milli) frees.insert(row.device_free[i]);
    }
    for (const int32_t free : frees)
      frame.choices.push_back({.need = index, .node = node, .device_free = free});
  }
  return true;
}

std::vector<GangSearch::Look> GangSearch::look(const Need& need) {
  std::optional<CrossPod::Query> query;
  if (symmetry_.crossed(need.class_index) || symmetry_.apart_by(need.class_index) != nullptr ||
      state_.cross_pod().concerns(state_, need.pod_class)) {
    query = state_.cross_pod().begin(state_, need.pod_class);
  }
  const uint32_t area = area_of_[need.group];
  const auto& kinds = symmetry_.kinds_in(need.group, area);
  budget_.spend(static_cast<int64_t>(kinds.size() + touched_.size()));
  std::vector<Look> out;
  auto add = [&](NodeIndex node, uint32_t kind, int64_t times) {
    if (auto place = look_at(need, node, kind, query ? &*query : nullptr, times)) out.push_back(*place);
  };
  for (const uint32_t kind : kinds) {
    const auto& nodes = symmetry_.kinds()[kind].nodes;
    const int64_t fresh = static_cast<int64_t>(nodes.size()) - touched_of_kind_[kind];
    if (fresh == 0) continue;
    add(*std::ranges::find_if(nodes, [&](NodeIndex node) { return put_[node].empty(); }), kind, fresh);
  }
  for (const auto& [text, places] : touched_) {
    const NodeIndex node = state_.nodes_in_order()[*places.begin()];
    const uint32_t kind = symmetry_.kind_of(node);
    if (symmetry_.in(kind, need.group, area)) add(node, kind, static_cast<int64_t>(places.size()));
  }
  return out;
}

std::optional<GangSearch::Look> GangSearch::look_at(const Need& need, NodeIndex node, uint32_t kind,
                                                    const CrossPod::Query* query, int64_t times) {
  const auto& compiled = state_.compiled(need.pod_class);
  const auto& row = state_.node(node);
  if (!symmetry_.kinds()[kind].may[need.class_index] || check_room(state_, row, compiled))
    return std::nullopt;
  Look out{.node = node, .times = times, .slots = count_slots(row, compiled), .now = true};
  if (query != nullptr) {
    const Reason reason = query->check(node);
    out.now = reason == Reason::kNone;
    // Others of the gang may still bring what is missing; what keeps away stays.
    if (!out.now && reason != Reason::kSpread && reason != Reason::kAffinity) return std::nullopt;
  }
  return out;
}

/// Not more pods than the nodes have room for, were they alone; of those that keep each other away, not more
/// than there are domains.
bool GangSearch::room_for_all(const Need& need, const std::vector<Look>& looks) const {
  const std::string* label = symmetry_.apart_by(need.class_index);
  std::set<std::string_view> domains;
  int64_t room = 0;
  for (const Look& place : looks) {
    bool alone = false;
    const std::string* value = label != nullptr ? symmetry_.value_of(place.node, *label, alone) : nullptr;
    if (value == nullptr) {
      room += place.slots * place.times;
    } else if (alone) {
      room += place.times;
    } else if (domains.insert(*value).second) {
      ++room;
    }
    if (room >= need.left) return true;
  }
  return false;
}

/// The group's pods together are not more than there would be room for if each asked for the least.
bool GangSearch::room_together(uint32_t group, const std::vector<std::vector<Look>>& looks) const {
  LeastPod least;
  int64_t left = 0;
  std::map<NodeIndex, int64_t> places;
  for (uint32_t i = 0; i < needs_.size(); ++i) {
    if (needs_[i].group != group || needs_[i].left == 0) continue;
    least.join(state_.compiled(needs_[i].pod_class));
    left += needs_[i].left;
    for (const Look& place : looks[i])
      places[place.node] = place.times;
  }
  int64_t room = 0;
  for (const auto& [node, times] : places) {
    if (room >= left) return true;
    room += std::min(least.slots(state_.node(node)), left) * times;
  }
  return room >= left;
}

namespace {

void add(std::string& text, int64_t value) {
  text += std::to_string(value);
  text += ' ';
}

}  // namespace

/// Positions with equal texts have the same arrangements ahead of them.
std::string GangSearch::position() const {
  std::string out;
  for (const Need& need : needs_) {
    add(out, need.left);
    add(out, need.left > 0 && need.group < opened_ ? area_of_[need.group] : -1);
  }
  add(out, opened_);
  for (const auto& [text, places] : touched_) {
    out += text;
    add(out, static_cast<int64_t>(places.size()));
  }
  return out;
}

/// What the search has made of a node; nodes with equal texts are alike.
std::string GangSearch::text_of(NodeIndex node) const {
  std::string out;
  add(out, symmetry_.kind_of(node));
  for (const int32_t pods : put_[node])
    add(out, pods);
  const auto& row = state_.node(node);
  for (const auto& pool : row.pools) {
    if (!pool.shareable) continue;
    std::vector<int16_t> free(row.device_free.begin() + pool.first,
                              row.device_free.begin() + pool.first + pool.count);
    std::ranges::sort(free);
    for (const int16_t milli : free)
      add(out, milli);
  }
  out += ';';
  return out;
}

}  // namespace stowage::engine
