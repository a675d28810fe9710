#include "gpu-scheduler/engine/victim_index.h"

#include <algorithm>
#include <tuple>

#include "gpu-scheduler/engine/interner.h"

namespace stowage::engine {

void VictimIndex::update(const ClusterState& state) {
  std::vector<NodeIndex> changed;
  if (!known_ || log_position_ < state.change_base()) {
    *this = {};
    known_ = true;
    for (NodeIndex node = 0; node < state.node_limit(); ++node)
      changed.push_back(node);
  } else {
    for (uint64_t at = log_position_; at < state.change_end(); ++at)
      changed.push_back(state.change(at));
    std::ranges::sort(changed);
    const auto repeated = std::ranges::unique(changed);
    changed.erase(repeated.begin(), repeated.end());
  }
  log_position_ = state.change_end();
  if (nodes_.size() < state.node_limit()) nodes_.resize(state.node_limit());
  changed_groups_.clear();
  for (const NodeIndex node : changed)
    read(state, node);
  std::ranges::sort(changed_groups_);
  const auto repeated = std::ranges::unique(changed_groups_);
  changed_groups_.erase(repeated.begin(), repeated.end());
  for (const GroupId id : changed_groups_) {
    judge(state, id);
    // A gang's rank changed on every node that it holds.
    if (groups_[id].pods.size() < 2) continue;
    for (const PodIndex pod : groups_[id].pods)
      changed.push_back(state.pod(pod).node);
  }
  std::ranges::sort(changed);
  NodeIndex last = kNone;
  for (const NodeIndex node : changed) {
    if (node != last) share(state, node);
    last = node;
  }
}

VictimIndex::GroupId VictimIndex::group_of(const RunningPod& pod) {
  if (!pod.group.empty()) {
    if (auto found = by_name_.find(pod.group); found != by_name_.end()) return found->second;
  }
  GroupId id = static_cast<GroupId>(groups_.size());
  if (free_.empty()) {
    groups_.emplace_back();
    names_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  names_[id] = pod.group;
  if (!pod.group.empty()) by_name_.emplace(pod.group, id);
  return id;
}

/// Replaces the node's pods in their groups.
void VictimIndex::read(const ClusterState& state, NodeIndex node) {
  Node& known = nodes_[node];
  std::vector<std::pair<PodIndex, GroupId>> former;
  former.swap(known.pods);
  if (state.has_node(node)) {
    for (const PodIndex index : state.node(node).pods) {
      // A pod alone keeps its group while it stays.
      const auto& pod = state.pod(index);
      auto same = pod.group.empty() ? std::ranges::find(former, index, [](const auto& e) { return e.first; })
                                    : former.end();
      const bool kept = same != former.end() && names_[same->second].empty();
      const GroupId id = kept ? same->second : group_of(pod);
      groups_[id].pods.push_back(index);
      known.pods.emplace_back(index, id);
      changed_groups_.push_back(id);
    }
  }
  for (const auto& [index, id] : former) {
    auto& pods = groups_[id].pods;
    pods.erase(std::ranges::find(pods, index));
    changed_groups_.push_back(id);
  }
}

void VictimIndex::judge(const ClusterState& state, GroupId id) {
  Group& group = groups_[id];
  if (group.pods.empty()) {
    if (!names_[id].empty()) by_name_.erase(names_[id]);
    names_[id].clear();
    free_.push_back(id);
    return;
  }
  std::ranges::sort(group.pods);
  group.priority = std::numeric_limits<int32_t>::min();
  group.devices = 0;
  group.protected_until = 0;
  group.budgets.clear();
  group.spared = false;
  for (const PodIndex index : group.pods) {
    const auto& pod = state.pod(index);
    group.priority = std::max(group.priority, pod.priority);
    group.devices += state.compiled(pod.pod_class).device_demand();
    group.protected_until = std::max(group.protected_until, pod.protected_until);
    group.budgets.insert(group.budgets.end(), pod.budgets.begin(), pod.budgets.end());
    group.spared = group.spared || !pod.movable || pod.terminating;
  }
}

bool VictimIndex::before(GroupId a, GroupId b) const {
  const auto key = [&](GroupId id) {
    const Group& group = groups_[id];
    return std::tuple(group.priority, group.covered(), group.pods.size(), group.devices, group.pods.front());
  };
  return key(a) < key(b);
}

void VictimIndex::share(const ClusterState& state, NodeIndex node) {
  Node& known = nodes_[node];
  known.shares.clear();
  for (const auto& [index, id] : known.pods) {
    if (groups_[id].spared) continue;
    auto found = std::ranges::find(known.shares, id, &Share::group);
    if (found == known.shares.end()) {
      known.shares.push_back({.group = id, .priority = groups_[id].priority});
      found = known.shares.end() - 1;
    }
    const auto& held = state.compiled(state.pod(index).pod_class);
    found->cpu_milli += held.cpu_milli;
    found->memory_bytes += held.memory_bytes;
    found->devices += held.device_demand();
    found->pods += held.pods;
  }
  std::ranges::sort(known.shares, [&](const Share& a, const Share& b) { return before(a.group, b.group); });
}

std::vector<VictimIndex::GroupId> VictimIndex::all() const {
  std::vector<GroupId> out;
  for (GroupId id = 0; id < groups_.size(); ++id) {
    if (!groups_[id].pods.empty() && !groups_[id].spared) out.push_back(id);
  }
  std::ranges::sort(out, [&](GroupId a, GroupId b) { return before(a, b); });
  return out;
}

}  // namespace stowage::engine
