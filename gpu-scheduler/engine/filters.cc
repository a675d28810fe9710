#include <fmt/format.h>

#include <algorithm>

#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/filters_k8s.h"
#include "gpu-scheduler/engine/interner.h"

namespace stowage::engine {
namespace {

constexpr std::string_view kRegionLabel = "topology.kubernetes.io/region";
constexpr std::string_view kZoneLabel = "topology.kubernetes.io/zone";
constexpr int32_t kMaxSlots = 1 << 20;

bool label_in(const Labels& labels, std::string_view key, const std::vector<std::string>& permitted) {
  if (permitted.empty()) return true;
  auto it = labels.find(key);
  return it != labels.end() && std::ranges::find(permitted, it->second) != permitted.end();
}

/// Verdict on the pools that offer the class's resource: some pool must satisfy everything.
Reason check_pools(const NodeRow& row, const CompiledClass& pod) {
  if (pod.device_count == 0) return Reason::kNone;
  Reason worst = Reason::kNone;
  bool constrained = !pod.products.empty() || pod.device_memory_need > 0 || pod.shares();
  bool found = false;
  for (const auto& pool : row.pools) {
    if (pool.resource != pod.device_resource) continue;
    found = true;
    if (pod.product_rank(pool.product) < 0) {
      worst = std::max(worst, Reason::kProduct);
    } else if (pod.device_memory_need > 0 && __int128{pool.memory_bytes} * 100 < pod.device_memory_need) {
      worst = std::max(worst, Reason::kDeviceMemory);
    } else if (pod.shares() && !pool.shareable) {
      worst = std::max(worst, Reason::kNoSharing);
    } else {
      return Reason::kNone;
    }
  }
  // A node that merely lists the resource has no known product; without constraints the amount decides.
  if (!found && !pod.products.empty() && row.extended(pod.device_resource) > 0) return Reason::kProduct;
  if (!found && constrained)
    return row.extended(pod.device_resource) > 0 ? Reason::kDeviceMemory : Reason::kNone;
  return worst;
}

/// Whether some pod of the node holds, in `list` of its class, what rules out something that `pod` wants
/// there.
template <class T>
bool conflicts(const ClusterState& state, const NodeRow& row, const CompiledClass& pod,
               std::vector<T> PodClass::* list, bool (*rules_out)(const T&, const T&)) {
  const auto& wanted = pod.spec.*list;
  if (wanted.empty()) return false;
  return std::ranges::any_of(row.pods, [&](const PodIndex other) {
    return std::ranges::any_of(state.pod_class(state.pod(other).pod_class).*list, [&](const T& used) {
      return std::ranges::any_of(wanted, [&](const T& one) { return rules_out(used, one); });
    });
  });
}

Rejection insufficient(uint32_t resource) {
  return {Reason::kInsufficient, resource};
}

}  // namespace

Rejection check_fixed(ClusterState& state, const NodeSpec& spec, const NodeRow& row,
                      const CompiledClass& pod) {
  if (row.plain && pod.plain) return {check_pools(row, pod)};
  if (auto verdict = check_static_k8s(pod.spec, spec); verdict.reason != Reason::kNone) {
    if (verdict.reason != Reason::kTaint || !verdict.taint) return {verdict.reason};
    return {Reason::kTaint,
            state.intern_text(fmt::format("{{{}: {}}}", verdict.taint->key, verdict.taint->value))};
  }
  if (!label_in(spec.labels, kRegionLabel, pod.spec.residency.regions) ||
      !label_in(spec.labels, kZoneLabel, pod.spec.residency.zones)) {
    return {Reason::kResidency};
  }
  if (!pod.spec.tiers.empty() && std::ranges::find(pod.spec.tiers, spec.tier) == pod.spec.tiers.end()) {
    return {Reason::kTier};
  }
  return {check_pools(row, pod)};
}

Rejection check_room(const ClusterState& state, const NodeRow& row, const CompiledClass& pod) {
  if (row.reserved) return {Reason::kReserved};
  if (conflicts(state, row, pod, &PodClass::host_ports, host_ports_conflict)) return {Reason::kHostPorts};
  if (conflicts(state, row, pod, &PodClass::disks, disks_conflict)) return {Reason::kDiskConflict};
  if (pod.pods > 0 && row.free_pods < pod.pods) return {Reason::kTooManyPods};
  // As kube-scheduler: what is not asked for is not compared, so an oversubscribed node still takes pods
  // without it.
  if (pod.cpu_milli > 0 && row.free_cpu_milli < pod.cpu_milli) return insufficient(kCpuResource);
  if (pod.memory_bytes > 0 && row.free_memory_bytes < pod.memory_bytes) return insufficient(kMemoryResource);
  if (pod.ephemeral_bytes > 0 && row.free_ephemeral_bytes < pod.ephemeral_bytes) {
    return insufficient(kEphemeralResource);
  }
  for (const auto& [resource, amount] : pod.extended) {
    if (row.extended(resource) < amount) return insufficient(resource);
  }
  if (pod.device_count == 0) return {};
  if (!pod.shares()) {
    return row.extended(pod.device_resource) < pod.device_count ? insufficient(pod.device_resource)
                                                                : Rejection{};
  }
  for (const auto& pool : row.pools) {
    if (pool.resource != pod.device_resource || pod.product_rank(pool.product) < 0) continue;
    for (size_t i = pool.first; i < size_t{pool.first} + pool.count; ++i) {
      if (row.device_free[i] >= pod.device_milli) return {};
    }
  }
  return row.pools.empty() ? insufficient(pod.device_resource) : Rejection{Reason::kDeviceShare};
}

int32_t count_slots(const NodeRow& row, const CompiledClass& pod) {
  int64_t slots = kMaxSlots;
  auto limit = [&](int64_t free, int64_t each) {
    if (each > 0) slots = std::min(slots, std::max<int64_t>(free, 0) / each);
  };
  limit(row.free_pods, pod.pods);
  limit(row.free_cpu_milli, pod.cpu_milli);
  limit(row.free_memory_bytes, pod.memory_bytes);
  limit(row.free_ephemeral_bytes, pod.ephemeral_bytes);
  for (const auto& [resource, amount] : pod.extended)
    limit(row.extended(resource), amount);
  if (pod.device_count > 0 && !pod.shares()) limit(row.extended(pod.device_resource), pod.device_count);
  if (pod.shares()) {
    int64_t shares = 0;
    for (const auto& pool : row.pools) {
      if (pool.resource != pod.device_resource || pod.product_rank(pool.product) < 0) continue;
      for (size_t i = pool.first; i < size_t{pool.first} + pool.count; ++i) {
        shares += std::max<int64_t>(row.device_free[i], 0) / pod.device_milli;
      }
    }
    slots = std::min(slots, shares);
  }
  if (pod.excludes_itself) slots = std::min<int64_t>(slots, 1);
  return static_cast<int32_t>(slots);
}

}  // namespace stowage::engine
