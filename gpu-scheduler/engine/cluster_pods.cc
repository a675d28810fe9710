#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "gpu-scheduler/engine/cluster_layout.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/device_choice.h"
#include "gpu-scheduler/engine/interner.h"

/// Pods of a ClusterState: what they hold, and the undo log.
namespace stowage::engine {

/// Subtracts what the pod's class asks for. Devices the pod names are used as they are (bits the node does
/// not have are dropped); where it names none, idle ones when `choose`, else none. Works for pods that do not
/// fit: foreign pods may oversubscribe.
void ClusterState::take(NodeRow& row, RunningPod& pod, bool choose) {
  const auto& wanted = compiled(pod.pod_class);
  row.free_cpu_milli -= wanted.cpu_milli;
  row.free_memory_bytes -= wanted.memory_bytes;
  row.free_ephemeral_bytes -= wanted.ephemeral_bytes;
  row.free_pods -= wanted.pods;
  uint64_t mask = pod.devices;
  if (row.device_free.size() < kMaxDevices) mask &= (uint64_t{1} << row.device_free.size()) - 1;
  if (wanted.device_count == 0 && wanted.extended.empty()) mask = 0;
  auto take_whole = [&](uint32_t resource, int64_t count) {
    if (row.free_extended.size() <= resource) row.free_extended.resize(resource + 1);
    row.free_extended[resource] -= count;
    for (const auto& pool : row.pools) {
      if (pool.resource != resource) continue;
      uint64_t chosen = mask & pool_mask(pool);
      if (chosen == 0 && choose) chosen = choose_idle(row, pool, count);
      for (uint64_t rest = chosen; rest != 0; rest &= rest - 1) {
        row.device_free[static_cast<size_t>(std::countr_zero(rest))] = 0;
      }
      mask |= chosen;
    }
  };
  for (const auto& [resource, amount] : wanted.extended)
    take_whole(resource, amount);
  if (wanted.device_count > 0) {
    if (!wanted.shares()) {
      take_whole(wanted.device_resource, wanted.device_count);
    } else {
      for (const auto& pool : row.pools) {
        if (pool.resource != wanted.device_resource) continue;
        uint64_t chosen = mask & pool_mask(pool);
        if (chosen == 0 && choose) chosen = choose_share(row, pool, wanted.device_milli);
        mask |= chosen;
        if (chosen == 0) continue;
        auto& left = row.device_free[static_cast<size_t>(std::countr_zero(chosen))];
        if (left == kWholeDevice) --row.free_extended[pool.resource];
        left = static_cast<int16_t>(left - wanted.device_milli);
      }
    }
  }
  pod.devices = mask;
}

/// The exact inverse of take().
void ClusterState::give(NodeRow& row, const RunningPod& pod) {
  const auto& wanted = compiled(pod.pod_class);
  row.free_cpu_milli += wanted.cpu_milli;
  row.free_memory_bytes += wanted.memory_bytes;
  row.free_ephemeral_bytes += wanted.ephemeral_bytes;
  row.free_pods += wanted.pods;
  auto give_whole = [&](uint32_t resource, int64_t count) {
    row.free_extended[resource] += count;
    for (const auto& pool : row.pools) {
      if (pool.resource != resource) continue;
      for (uint64_t rest = pod.devices & pool_mask(pool); rest != 0; rest &= rest - 1) {
        row.device_free[static_cast<size_t>(std::countr_zero(rest))] = kWholeDevice;
      }
    }
  };
  for (const auto& [resource, amount] : wanted.extended)
    give_whole(resource, amount);
  if (wanted.device_count == 0) return;
  if (!wanted.shares()) {
    give_whole(wanted.device_resource, wanted.device_count);
    return;
  }
  for (const auto& pool : row.pools) {
    uint64_t held = pod.devices & pool_mask(pool);
    if (pool.resource != wanted.device_resource || held == 0) continue;
    auto& left = row.device_free[static_cast<size_t>(std::countr_zero(held))];
    left = static_cast<int16_t>(left + wanted.device_milli);
    if (left == kWholeDevice) ++row.free_extended[pool.resource];
  }
}

void ClusterState::touch(NodeIndex node, NodeRow& row) {
  row.version = ++next_version_;
  size_t keep = 4 * nodes_.size() + 1024;
  if (changes_.size() >= 2 * keep) {
    changes_.erase(changes_.begin(), changes_.begin() + static_cast<std::ptrdiff_t>(keep));
    change_base_ += keep;
  }
  changes_.push_back(node);
}

Result<PodIndex> ClusterState::add_pod(RunningPod pod) {
  if (!has_node(pod.node)) {
    return fail(Code::kNotFound, fmt::format("pod {}: its node is not in the cluster", pod.name));
  }
  if (pod.pod_class >= class_count()) {
    return fail(Code::kNotFound, fmt::format("pod {}: class {} is not interned", pod.name, pod.pod_class));
  }
  if (!pod.uid.empty() && find_pod(pod.uid)) {
    return fail(Code::kAlreadyExists, fmt::format("pod {}: uid {} is already counted", pod.name, pod.uid));
  }
  const auto& row = nodes_[pod.node];
  if (row.device_free.size() < kMaxDevices && (pod.devices >> row.device_free.size()) != 0) {
    return fail(Code::kInvalidArgument,
                fmt::format("pod {}: holds devices that node {} does not have", pod.name, row.spec->name));
  }
  return put_pod(std::move(pod), open_checkpoints_ > 0);
}

PodIndex ClusterState::assign(RunningPod pod) {
  return put_pod(std::move(pod), open_checkpoints_ > 0);
}

PodIndex ClusterState::put_pod(RunningPod pod, bool log) {
  Undo entry{.kind = Undo::Kind::kAdd, .pod = 0, .grew = free_pods_.empty()};
  if (entry.grew) {
    entry.pod = static_cast<PodIndex>(pods_.size());
    pods_.grow();
  } else {
    entry.pod = free_pods_.back();
    free_pods_.pop_back();
  }
  auto& row = nodes_.write(pod.node);
  entry.node_version = row.version;
  take(row, pod, true);
  row.pods.push_back(entry.pod);
  touch(pod.node, row);
  if (!pod.uid.empty()) pod_index_.insert(pod.uid, entry.pod);
  auto& stored = pods_.write(entry.pod);
  stored = std::move(pod);
  ++pod_count_;
  cross_pod().pod_changed(*this, stored.node, stored.pod_class, stored.terminating, +1);
  PodIndex index = entry.pod;
  if (log) undo_.push_back(std::move(entry));
  return index;
}

void ClusterState::remove_pod(PodIndex pod) {
  STOWAGE_CHECK(has_pod(pod), "no such pod");
  drop_pod(pod, open_checkpoints_ > 0);
}

void ClusterState::drop_pod(PodIndex index, bool log) {
  auto& stored = pods_.write(index);
  auto& row = nodes_.write(stored.node);
  auto at = std::find(row.pods.rbegin(), row.pods.rend(), index);
  auto position = static_cast<uint32_t>(row.pods.rend() - at - 1);
  Undo entry{.kind = Undo::Kind::kRemove, .pod = index, .position = position, .node_version = row.version};
  row.pods[position] = row.pods.back();
  row.pods.pop_back();
  give(row, stored);
  touch(stored.node, row);
  if (!stored.uid.empty()) pod_index_.erase(stored.uid);
  cross_pod().pod_changed(*this, stored.node, stored.pod_class, stored.terminating, -1);
  if (log) {
    entry.removed = std::make_unique<RunningPod>(std::move(stored));
    undo_.push_back(std::move(entry));
  }
  stored = RunningPod{};
  free_pods_.push_back(index);
  --pod_count_;
}

bool ClusterState::remove_pod(std::string_view uid) {
  auto found = find_pod(uid);
  if (found) remove_pod(*found);
  return found.has_value();
}

bool ClusterState::set_terminating(std::string_view uid) {
  auto found = find_pod(uid);
  if (!found) return false;
  auto& pod = pods_.write(*found);
  if (pod.terminating) return true;
  cross_pod().pod_changed(*this, pod.node, pod.pod_class, false, -1);
  pod.terminating = true;
  cross_pod().pod_changed(*this, pod.node, pod.pod_class, true, +1);
  auto& row = nodes_.write(pod.node);
  if (open_checkpoints_ > 0) {
    undo_.push_back({.kind = Undo::Kind::kTerminating, .pod = *found, .node_version = row.version});
  }
  touch(pod.node, row);
  return true;
}

std::optional<PodIndex> ClusterState::find_pod(std::string_view uid) const {
  const auto* found = pod_index_.find(uid);
  return found ? std::optional(*found) : std::nullopt;
}

ClusterState::Checkpoint ClusterState::checkpoint() {
  ++open_checkpoints_;
  return undo_.size();
}

void ClusterState::commit(Checkpoint point) {
  STOWAGE_CHECK(open_checkpoints_ > 0 && point <= undo_.size(), "commit without its checkpoint");
  if (--open_checkpoints_ == 0) undo_.clear();
}

void ClusterState::rollback(Checkpoint point) {
  STOWAGE_CHECK(open_checkpoints_ > 0 && point <= undo_.size(), "rollback without its checkpoint");
  while (undo_.size() > point) {
    auto& entry = undo_.back();
    switch (entry.kind) {
      case Undo::Kind::kAdd:
        undo_add(entry);
        break;
      case Undo::Kind::kRemove:
        undo_remove(entry);
        break;
      case Undo::Kind::kTerminating: {
        auto& pod = pods_.write(entry.pod);
        cross_pod().pod_changed(*this, pod.node, pod.pod_class, true, -1);
        pod.terminating = false;
        cross_pod().pod_changed(*this, pod.node, pod.pod_class, false, +1);
        auto& row = nodes_.write(pod.node);
        touch(pod.node, row);
        row.version = entry.node_version;
        break;
      }
    }
    undo_.pop_back();
  }
  --open_checkpoints_;
}

void ClusterState::undo_add(const Undo& entry) {
  auto& stored = pods_.write(entry.pod);
  auto& row = nodes_.write(stored.node);
  STOWAGE_CHECK(row.pods.back() == entry.pod, "undo out of order");
  row.pods.pop_back();
  give(row, stored);
  touch(stored.node, row);
  row.version = entry.node_version;
  if (!stored.uid.empty()) pod_index_.erase(stored.uid);
  cross_pod().pod_changed(*this, stored.node, stored.pod_class, stored.terminating, -1);
  stored = RunningPod{};
  --pod_count_;
  if (entry.grew) {
    pods_.shrink();
  } else {
    free_pods_.push_back(entry.pod);
  }
}

void ClusterState::undo_remove(Undo& entry) {
  STOWAGE_CHECK(!free_pods_.empty() && free_pods_.back() == entry.pod, "undo out of order");
  free_pods_.pop_back();
  auto& stored = pods_.write(entry.pod);
  stored = std::move(*entry.removed);
  auto& row = nodes_.write(stored.node);
  take(row, stored, false);
  row.pods.push_back(entry.pod);
  std::swap(row.pods[entry.position], row.pods.back());
  touch(stored.node, row);
  row.version = entry.node_version;
  if (!stored.uid.empty()) pod_index_.insert(stored.uid, entry.pod);
  cross_pod().pod_changed(*this, stored.node, stored.pod_class, stored.terminating, +1);
  ++pod_count_;
}

}  // namespace stowage::engine
