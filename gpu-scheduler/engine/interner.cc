#include "gpu-scheduler/engine/interner.h"

#include <fmt/format.h>

#include <algorithm>

#include "gpu-scheduler/engine/filters_k8s.h"

namespace stowage::engine {
namespace {

/// A device with at least this many hundredths of the wanted memory counts: an "80 GB" H100 is labelled
/// 81,559 MiB, an L4 "24 GB" 23,034 MiB.
constexpr int64_t kMemoryTolerancePercent = 93;

/// Devices of one pod; no node has as many.
constexpr int64_t kMostDevices = int64_t{1} << 20;

Result<void> check_amount(std::string_view field, int64_t value) {
  if (value < 0 || value > kMaxAmount) {
    return fail(Code::kInvalidArgument, fmt::format("{}: {} is outside 0..2^60", field, value));
  }
  return {};
}

Result<void> check_weight(std::string_view field, int32_t weight) {
  if (weight < 1 || weight > 100) {
    return fail(Code::kInvalidArgument, fmt::format("{}: weight {} is outside 1..100", field, weight));
  }
  return {};
}

}  // namespace

int32_t CompiledClass::product_rank(StringId product) const {
  if (products.empty()) return 0;
  for (size_t i = 0; i < products.size(); ++i) {
    if (products[i] == product) return static_cast<int32_t>(i);
  }
  return -1;
}

Interner::Interner() {
  text_id("");
  for (const char* name : {"cpu", "memory", "ephemeral-storage"})
    resource_id(name);
}

StringId Interner::text_id(std::string_view text) {
  if (auto it = text_ids.find(text); it != text_ids.end()) return it->second;
  auto id = static_cast<StringId>(texts.size());
  texts.push_back(std::make_shared<const std::string>(text));
  text_ids.emplace(text, id);
  return id;
}

uint32_t Interner::resource_id(std::string_view name) {
  if (auto it = resource_ids.find(name); it != resource_ids.end()) return it->second;
  auto id = static_cast<uint32_t>(resources.size());
  resources.emplace_back(name);
  resource_ids.emplace(name, id);
  return id;
}

Result<void> validate(const PodClass& pod_class) {
  const auto& requests = pod_class.requests;
  TRY_VOID(check_amount("requests.cpu", requests.cpu_milli));
  TRY_VOID(check_amount("requests.memory", requests.memory_bytes));
  TRY_VOID(check_amount("requests.ephemeral-storage", requests.ephemeral_bytes));
  TRY_VOID(check_amount("requests.pods", requests.pods));
  for (const auto& [name, amount] : requests.extended) {
    TRY_VOID(check_amount(fmt::format("requests.{}", name), amount));
  }
  const auto& device = pod_class.device;
  TRY_VOID(check_amount("device.memory", device.memory_bytes));
  if (device.count < 0) {
    return fail(Code::kInvalidArgument, fmt::format("device.count: {} is negative", device.count));
  }
  const auto listed = requests.extended.find(device.resource);
  const int64_t most = listed == requests.extended.end() ? 0 : listed->second;
  if (std::max<int64_t>(most, device.count) > kMostDevices && !device.resource.empty()) {
    return fail(Code::kInvalidArgument,
                fmt::format("device.count: {} is more than 2^20", std::max<int64_t>(most, device.count)));
  }
  if (device.count > 0 && device.resource.empty()) {
    return fail(Code::kInvalidArgument, "device.resource: must be named when device.count is not 0");
  }
  if (device.milli < 1 || device.milli > kWholeDevice) {
    return fail(Code::kInvalidArgument, fmt::format("device.milli: {} is outside 1..1000", device.milli));
  }
  if (device.milli < kWholeDevice && device.count > 1) {
    return fail(Code::kInvalidArgument,
                fmt::format("device.count: a share of {}/1000 must be of one device, not of {}", device.milli,
                            device.count));
  }
  for (const auto& term : pod_class.preferred_node_affinity) {
    TRY_VOID(check_weight("preferredNodeAffinity", term.weight));
  }
  for (const auto& term : pod_class.preferred_affinity)
    TRY_VOID(check_weight("preferredAffinity", term.weight));
  for (const auto& term : pod_class.preferred_anti_affinity) {
    TRY_VOID(check_weight("preferredAntiAffinity", term.weight));
  }
  for (const auto& spread : pod_class.spread_constraints) {
    if (spread.max_skew < 1) {
      return fail(Code::kInvalidArgument,
                  fmt::format("topologySpreadConstraints.maxSkew: {} is below 1", spread.max_skew));
    }
  }
  return {};
}

CompiledClass compile(const PodClass& pod_class, Interner& interner) {
  CompiledClass out{.spec = pod_class,
                    .cpu_milli = pod_class.requests.cpu_milli,
                    .memory_bytes = pod_class.requests.memory_bytes,
                    .ephemeral_bytes = pod_class.requests.ephemeral_bytes,
                    .pods = pod_class.requests.pods,
                    .looks_at_other_pods = pod_class.looks_at_other_pods()};
  const auto& device = pod_class.device;
  int64_t count = device.count;
  if (!device.resource.empty()) {
    out.device_resource = interner.resource_id(device.resource);
    if (auto it = pod_class.requests.extended.find(device.resource);
        it != pod_class.requests.extended.end()) {
      count = std::max(count, it->second);
    }
  }
  out.device_count = static_cast<int32_t>(count);
  out.device_milli = device.milli;
  out.device_memory_need = __int128{device.memory_bytes} * kMemoryTolerancePercent;
  for (const auto& product : device.products)
    out.products.push_back(interner.text_id(product));
  for (const auto& [name, amount] : pod_class.requests.extended) {
    if (name == device.resource || amount == 0) continue;
    out.extended.emplace_back(interner.resource_id(name), amount);
  }
  out.plain = pod_class.node_selector.empty() && pod_class.required_node_affinity.empty() &&
              pod_class.preferred_node_affinity.empty() && pod_class.volume_node_affinity.empty() &&
              pod_class.residency == Residency{} && pod_class.tiers.empty() && pod_class.model.empty() &&
              out.products.empty() && pod_class.node_features.empty();
  const auto& disks = pod_class.disks;
  out.excludes_itself = !pod_class.host_ports.empty() || std::ranges::any_of(disks, [&](const auto& one) {
    return std::ranges::any_of(disks, [&](const auto& other) { return disks_conflict(one, other); });
  });
  auto next = static_cast<uint32_t>(interner.shape_ids.size());
  out.shape = interner.shape_ids.emplace(shape_key(pod_class), next).first->second;
  return out;
}

}  // namespace stowage::engine
