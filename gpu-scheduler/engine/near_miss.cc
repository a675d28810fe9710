#include "gpu-scheduler/engine/near_miss.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/quantity.h"
#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/interner.h"

namespace stowage::engine {
namespace {

/// Thousandths of devices that a pod of the class lacks on the node.
int64_t lacking_devices(const NodeRow& row, const CompiledClass& pod) {
  if (pod.device_count == 0) return 0;
  const auto* pool = pool_for(row, pod);
  int64_t free = 0;
  for (int32_t i = 0; pool && i < pool->count; ++i) {
    const int64_t left = row.device_free[static_cast<size_t>(pool->first + i)];
    free = pod.shares() ? std::max(free, left) : free + (left == kWholeDevice ? left : 0);
  }
  return std::max<int64_t>(0, pod.device_demand() - free);
}

/// Collects what is lacking, unless the node could not hold that much when empty.
class Lacks {
 public:
  void need(std::string_view resource, __int128 wanted, int64_t free, int64_t capacity) {
    possible_ = possible_ && (wanted == 0 || wanted <= capacity);
    if (possible_ && wanted > 0 && free < wanted)
      lacks_.emplace_back(resource, static_cast<int64_t>(wanted - free));
  }
  [[nodiscard]] bool possible() const { return possible_ && !lacks_.empty(); }
  [[nodiscard]] std::vector<std::pair<std::string, int64_t>> take() { return std::move(lacks_); }

 private:
  std::vector<std::pair<std::string, int64_t>> lacks_;
  bool possible_ = true;
};

int64_t amount_of(const Resources& amounts, std::string_view resource) {
  const auto it = amounts.extended.find(resource);
  return it == amounts.extended.end() ? 0 : it->second;
}

/// Devices for `wanted` pods. Shares lack whole devices, as many as it takes to put the missing ones there.
void need_devices(const ClusterState& state, const NodeRow& row, const CompiledClass& pod, int64_t wanted,
                  Lacks& lacks) {
  const auto* pool = pool_for(row, pod);
  const auto resource = state.resource_name(pod.device_resource);
  const int64_t count = pool ? pool->count : amount_of(row.spec->allocatable, resource);
  if (!pod.shares())
    return lacks.need(resource, wanted * pod.device_count, row.extended(pod.device_resource), count);
  const int64_t per_device = kWholeDevice / pod.device_milli;
  int64_t room = 0;
  for (int32_t i = 0; pool && i < pool->count; ++i)
    room += row.device_free[static_cast<size_t>(pool->first + i)] / pod.device_milli;
  const int64_t missing = std::max<int64_t>(0, wanted - room);
  const int64_t devices = (missing + per_device - 1) / per_device;
  lacks.need(resource, devices, 0, wanted <= count * per_device ? devices : 0);
}

std::string spelled(std::string_view resource, int64_t amount) {
  if (resource == "cpu") return format_milli(amount);
  if (resource == "memory" || resource == "ephemeral-storage") return format_bytes(amount);
  return std::to_string(amount);
}

bool grow_devices(NodeSpec& spec, const NodeRow& row, std::string_view resource, int64_t amount) {
  // Pods name devices by position: only behind the last one there is place for more.
  auto& pool = spec.accelerators.back();
  if (pool.resource != resource) return false;
  pool.count = row.pools.back().count + static_cast<int32_t>(amount);
  if (!pool.group.empty()) pool.group.resize(static_cast<size_t>(pool.count), pool.group.back());
  if (auto it = spec.allocatable.extended.find(resource); it != spec.allocatable.extended.end())
    it->second = pool.count;
  return true;
}

bool grow(NodeSpec& spec, const NodeRow& row, std::string_view resource, int64_t amount) {
  auto& room = spec.allocatable;
  const bool devices =
      std::ranges::find(spec.accelerators, resource, &AcceleratorSpec::resource) != spec.accelerators.end();
  if (devices) return grow_devices(spec, row, resource, amount);
  if (resource == "cpu") {
    room.cpu_milli += amount;
  } else if (resource == "memory") {
    room.memory_bytes += amount;
  } else if (resource == "ephemeral-storage") {
    room.ephemeral_bytes += amount;
  } else if (resource == "pods") {
    room.pods += amount;
  } else {
    room.extended[std::string(resource)] += amount;
  }
  return true;
}

}  // namespace

std::vector<NearMiss> near_misses(ClusterState& state, ClassId pod_id) {
  const auto& pod = state.compiled(pod_id);
  std::vector<NearMiss> out;
  for (const NodeIndex node : state.nodes_in_order()) {
    const auto& row = state.node(node);
    if (check_fixed(state, *row.spec, row, pod)) continue;
    out.push_back({.node = node,
                   .devices = lacking_devices(row, pod),
                   .cpu_milli = std::max<int64_t>(0, pod.cpu_milli - row.free_cpu_milli),
                   .memory_bytes = std::max<int64_t>(0, pod.memory_bytes - row.free_memory_bytes)});
  }
  std::ranges::stable_sort(out, {}, [](const NearMiss& near) {
    return std::tuple(near.devices, near.cpu_milli, near.memory_bytes);
  });
  return out;
}

bool find_lacks(ClusterState& state, ClassId pod_id, int64_t pods, NearMiss& near) {
  const auto& pod = state.compiled(pod_id);
  const auto& row = state.node(near.node);
  const Reason room = check_room(state, row, pod).reason;
  const int64_t slots = count_slots(row, pod) + pods;
  const __int128 wanted = slots;
  if (room == Reason::kReserved || room == Reason::kHostPorts || room == Reason::kDiskConflict) return false;
  if (pod.excludes_itself && slots > 1) return false;
  if (state.cross_pod().concerns(state, pod_id) &&
      state.cross_pod().begin(state, pod_id).check(near.node) != Reason::kNone) {
    return false;
  }
  const Resources& capacity = row.spec->allocatable;
  Lacks lacks;
  if (pod.device_count > 0) need_devices(state, row, pod, slots, lacks);
  lacks.need("cpu", wanted * pod.cpu_milli, row.free_cpu_milli, capacity.cpu_milli);
  lacks.need("memory", wanted * pod.memory_bytes, row.free_memory_bytes, capacity.memory_bytes);
  lacks.need("ephemeral-storage", wanted * pod.ephemeral_bytes, row.free_ephemeral_bytes,
             capacity.ephemeral_bytes);
  for (const auto& [resource, amount] : pod.extended) {
    const auto name = state.resource_name(resource);
    lacks.need(name, wanted * amount, row.extended(resource), amount_of(capacity, name));
  }
  lacks.need("pods", wanted * pod.pods, row.free_pods, capacity.pods);
  if (!lacks.possible()) return false;
  near.lacks = lacks.take();
  return true;
}

std::string sentence_of(const ClusterState& state, const NearMiss& near) {
  std::string out;
  for (const auto& [resource, amount] : near.lacks) {
    out += fmt::format("{}{} more of {}", out.empty() ? "" : " and ", spelled(resource, amount), resource);
  }
  return fmt::format("{} free on node {}", out, state.node_name(near.node));
}

std::optional<ClusterState> with_more_room(const ClusterState& state, const NearMiss& near) {
  const auto& row = state.node(near.node);
  NodeSpec spec = *row.spec;
  for (const auto& [resource, amount] : near.lacks) {
    if (!grow(spec, row, resource, amount)) return std::nullopt;
  }
  ClusterState out = state.fork();
  if (!out.upsert_node(std::move(spec))) return std::nullopt;
  return out;
}

}  // namespace stowage::engine
