#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"
#include "gpu-scheduler/engine/cluster_layout.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/device_choice.h"
#include "gpu-scheduler/engine/interner.h"

/// Pods of a ClusterState: what they hold, and the undo log.
namespace stowage::engine {

namespace {

/// Whole devices of the resource that the class asks for.
int64_t whole_devices(const CompiledClass& wanted, uint32_t resource) {
  if (wanted.device_count > 0 && !wanted.shares() && wanted.device_resource == resource)
    return wanted.device_count;
  for (const auto& [name, amount] : wanted.extended) {
    if (name == resource) return amount;
  }
  return 0;
}

bool shares_pool(const CompiledClass& wanted, const DevicePool& pool) {
  return wanted.shares() && wanted.device_resource == pool.resource;
}

/// Calls `use(device, thousandths)` for each device that a pod of the class holds.
template <class Use>
void each_device(const NodeRow& row, const CompiledClass& wanted, uint64_t devices, Use&& use) {
  if (devices == 0) return;
  for (const auto& pool : row.pools) {
    const int32_t each = shares_pool(wanted, pool) ? wanted.device_milli : kWholeDevice;
    for (uint64_t rest = devices & pool_mask(pool); rest != 0; rest &= rest - 1)
      use(static_cast<size_t>(std::countr_zero(rest)), each);
  }
}

/// True when the sums of a node would come near the end of their range. A class asks for 2^60 at most, so
/// only a node that is oversubscribed by 2^61 gets there.
bool sums_overflow(const NodeRow& row, const CompiledClass& wanted) {
  constexpr int64_t kLeast = -(int64_t{1} << 61);
  bool out = row.free_cpu_milli < kLeast || row.free_memory_bytes < kLeast ||
             row.free_ephemeral_bytes < kLeast || row.free_pods < kLeast;
  for (const auto& [resource, amount] : wanted.extended)
    out = out || row.extended(resource) < kLeast;
  return out || (wanted.device_count > 0 && row.extended(wanted.device_resource) < kLeast);
}

}  // namespace

/// Subtracts what the pod's class asks for. Devices the pod names are used as they are (bits the node does
/// not have are dropped); where it names none, idle ones when `choose`, else none. Works for pods that do not
/// fit: foreign pods may oversubscribe. The row is a function of the node's object and of the pods on it with
/// their devices, so that give() is the inverse in every order.
void ClusterState::take(NodeRow& row, RunningPod& pod, bool choose) {
  const auto& wanted = compiled(pod.pod_class);
  take_amounts(row, wanted, 1);
  const uint64_t named = pod.devices;
  pod.devices = 0;
  for (const auto& pool : row.pools) {
    const int64_t whole = whole_devices(wanted, pool.resource);
    const bool share = shares_pool(wanted, pool);
    if (whole == 0 && !share) continue;
    uint64_t chosen = named & pool_mask(pool);
    if (chosen == 0 && choose)
      chosen = share ? choose_share(row, pool, wanted.device_milli) : choose_idle(row, pool, whole);
    pod.devices |= share ? chosen & -chosen : chosen;
  }
  bool fits = !row.contended;
  each_device(row, wanted, pod.devices,
              [&](size_t device, int32_t each) { fits = fits && row.device_free[device] >= each; });
  if (!fits) return count_devices(row, &pod);
  each_device(row, wanted, pod.devices, [&](size_t device, int32_t each) {
    auto& left = row.device_free[device];
    if (each < kWholeDevice && left == kWholeDevice) --row.free_extended[wanted.device_resource];
    left = static_cast<int16_t>(left - each);
  });
}

/// The exact inverse of take(). The pod is no longer in `row.pods`.
void ClusterState::give(NodeRow& row, const RunningPod& pod) {
  const auto& wanted = compiled(pod.pod_class);
  take_amounts(row, wanted, -1);
  if (row.contended) return count_devices(row, nullptr);
  each_device(row, wanted, pod.devices, [&](size_t device, int32_t each) {
    auto& left = row.device_free[device];
    left = static_cast<int16_t>(left + each);
    if (each < kWholeDevice && left == kWholeDevice) ++row.free_extended[wanted.device_resource];
  });
}

/// Everything but devices, `times` over.
void ClusterState::take_amounts(NodeRow& row, const CompiledClass& wanted, int64_t times) {
  row.free_cpu_milli -= times * wanted.cpu_milli;
  row.free_memory_bytes -= times * wanted.memory_bytes;
  row.free_ephemeral_bytes -= times * wanted.ephemeral_bytes;
  row.free_pods -= times * wanted.pods;
  auto take_extended = [&](uint32_t resource, int64_t amount) {
    if (row.free_extended.size() <= resource) row.free_extended.resize(resource + 1);
    row.free_extended[resource] -= times * amount;
  };
  for (const auto& [resource, amount] : wanted.extended)
    take_extended(resource, amount);
  if (wanted.device_count > 0 && !wanted.shares()) take_extended(wanted.device_resource, wanted.device_count);
}

/// The free thousandths of every device and the number of idle ones, anew from the pods of the row and the
/// one that joins. A device that is held more often than it has room for has nothing free.
void ClusterState::count_devices(NodeRow& row, const RunningPod* joining) const {
  std::array<int64_t, kMaxDevices> held{};
  std::vector<int64_t> whole(row.pools.size());
  uint64_t with_whole = 0;
  uint64_t with_share = 0;
  auto hold = [&](const RunningPod& pod) {
    const auto& wanted = compiled(pod.pod_class);
    for (size_t i = 0; i < whole.size(); ++i)
      whole[i] += whole_devices(wanted, row.pools[i].resource);
    each_device(row, wanted, pod.devices, [&](size_t device, int32_t each) {
      held[device] += each;
      (each < kWholeDevice ? with_share : with_whole) |= uint64_t{1} << device;
    });
  };
  for (const PodIndex index : row.pods)
    hold(pods_[index]);
  if (joining) hold(*joining);
  row.contended = false;
  for (size_t i = 0; i < row.device_free.size(); ++i) {
    row.contended = row.contended || held[i] > kWholeDevice;
    row.device_free[i] = static_cast<int16_t>(std::max<int64_t>(kWholeDevice - held[i], 0));
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    const auto& pool = row.pools[i];
    const int shared = std::popcount(with_share & ~with_whole & pool_mask(pool));
    row.free_extended[pool.resource] = pool.count - whole[i] - shared;
  }
}

void ClusterState::touch(NodeIndex node) {
  versions_[node] = ++next_version_;
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
  if (sums_overflow(row, compiled(pod.pod_class))) {
    return fail(Code::kInvalidArgument, fmt::format("pod {}: the requests of the pods on node {} add up to "
                                                    "more than can be counted",
                                                    pod.name, row.spec->name));
  }
  return put_pod(std::move(pod), open_checkpoints_ > 0);
}

PodIndex ClusterState::assign(RunningPod pod) {
  return put_pod(std::move(pod), open_checkpoints_ > 0);
}

void ClusterState::pod_changed(PodIndex index, const RunningPod& pod, int delta) {
  cross_pod().pod_changed(*this, pod.node, pod.pod_class, pod.terminating, delta);
  if (pod.spread_key.empty()) return;
  if (!sole_owner(spread_)) spread_ = std::make_shared<SpreadIndex>(*spread_);
  spread_->pod_changed(index, pod, delta);
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
  entry.node_version = versions_[pod.node];
  take(row, pod, true);
  row.pods.push_back(entry.pod);
  touch(pod.node);
  if (!pod.uid.empty()) pod_index_.insert(pod.uid, entry.pod);
  auto& stored = pods_.write(entry.pod);
  stored = std::move(pod);
  ++pod_count_;
  pod_changed(entry.pod, stored, +1);
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
  Undo entry{.kind = Undo::Kind::kRemove,
             .pod = index,
             .position = position,
             .node_version = versions_[stored.node]};
  row.pods[position] = row.pods.back();
  row.pods.pop_back();
  give(row, stored);
  touch(stored.node);
  if (!stored.uid.empty()) pod_index_.erase(stored.uid);
  pod_changed(index, stored, -1);
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
  pod_changed(*found, pod, -1);
  pod.terminating = true;
  pod_changed(*found, pod, +1);
  if (open_checkpoints_ > 0) {
    undo_.push_back({.kind = Undo::Kind::kTerminating, .pod = *found, .node_version = versions_[pod.node]});
  }
  touch(pod.node);
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
        pod_changed(entry.pod, pod, -1);
        pod.terminating = false;
        pod_changed(entry.pod, pod, +1);
        touch(pod.node);
        versions_[pod.node] = entry.node_version;
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
  touch(stored.node);
  versions_[stored.node] = entry.node_version;
  if (!stored.uid.empty()) pod_index_.erase(stored.uid);
  pod_changed(entry.pod, stored, -1);
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
  touch(stored.node);
  versions_[stored.node] = entry.node_version;
  if (!stored.uid.empty()) pod_index_.insert(stored.uid, entry.pod);
  pod_changed(entry.pod, stored, +1);
  ++pod_count_;
}

}  // namespace stowage::engine
