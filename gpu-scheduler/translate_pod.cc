#include <algorithm>
#include <limits>

#include "gpu-scheduler/translate.h"

namespace stowage::scheduler {
namespace {

/// a + b without overflow, never below 0: amounts come from users and three peers' quotas overflowed.
int64_t saturated_sum(int64_t a, int64_t b) {
  int64_t out = 0;
  if (__builtin_add_overflow(std::max<int64_t>(a, 0), std::max<int64_t>(b, 0), &out))
    return std::numeric_limits<int64_t>::max();
  return out;
}

void add(api::ResourceList& to, const api::ResourceList& amounts) {
  for (const auto& [name, amount] : amounts) {
    int64_t& slot = to[name];
    slot = saturated_sum(slot, amount);
  }
}

void raise(api::ResourceList& to, const api::ResourceList& amounts) {
  for (const auto& [name, amount] : amounts) {
    int64_t& slot = to[name];
    slot = std::max(slot, amount);
  }
}

/// component-helpers' PodRequests: an init container runs beside the sidecars that were started before it.
api::ResourceList container_requests(const api::PodSpec& spec) {
  api::ResourceList sum;
  for (const auto& container : spec.containers)
    add(sum, container.requests);
  api::ResourceList sidecars;
  api::ResourceList peak;
  for (const auto& container : spec.init_containers) {
    api::ResourceList during = container.requests;
    if (container.restart_always) {
      add(sum, container.requests);
      add(sidecars, container.requests);
      during = sidecars;
    } else {
      add(during, sidecars);
    }
    raise(peak, during);
  }
  raise(sum, peak);
  return sum;
}

/// Pod-level requests are possible for these alone; they replace what the containers ask.
bool is_pod_level(std::string_view resource) {
  return resource == "cpu" || resource == "memory" || resource.starts_with("hugepages-");
}

engine::Resources to_resources(const api::ResourceList& list) {
  engine::Resources out{.pods = 1};
  for (const auto& [name, amount] : list) {
    const int64_t value = std::max<int64_t>(amount, 0);
    if (name == "cpu") {
      out.cpu_milli = value;
    } else if (name == "memory") {
      out.memory_bytes = value;
    } else if (name == "ephemeral-storage") {
      out.ephemeral_bytes = value;
    } else if (name != "pods" && value > 0) {
      out.extended[name] = value;
    }
  }
  return out;
}

/// The accelerator that a pod asks for; where it asks for several, the first by name has the wishes.
engine::DeviceRequest to_device(const engine::Resources& requests, const DeviceWishes& wishes) {
  engine::DeviceRequest out;
  const bool wished = !wishes.products.empty() || wishes.memory_bytes > 0;
  for (const auto& [name, amount] : requests.extended) {
    const bool accelerator = is_accelerator(name) || (wished && requests.extended.size() == 1);
    if (!accelerator || amount > static_cast<int64_t>(engine::kMaxDevices)) continue;
    out.resource = name;
    out.count = static_cast<int32_t>(amount);
    out.products = wishes.products;
    out.memory_bytes = wishes.memory_bytes;
    break;
  }
  return out;
}

}  // namespace

engine::Resources effective_requests(const api::PodSpec& spec) {
  api::ResourceList total = container_requests(spec);
  if (spec.pod_requests) {
    for (const auto& [name, amount] : *spec.pod_requests) {
      if (is_pod_level(name)) total[name] = amount;
    }
  }
  add(total, spec.overhead);
  return to_resources(total);
}

engine::PodClass to_pod_class(const api::Pod& pod, const DeviceWishes& wishes, VolumeNeeds volumes) {
  engine::PodClass out;
  out.name_space = pod.meta.ns;
  out.labels = pod.meta.labels;
  out.requests = effective_requests(pod.spec);
  out.device = to_device(out.requests, wishes);
  out.tiers = wishes.tiers;
  translate_constraints(pod.spec, out);
  out.volume_node_affinity = std::move(volumes.node_affinity);
  return out;
}

}  // namespace stowage::scheduler
