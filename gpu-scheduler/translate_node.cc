#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <span>

#include "base/quantity.h"
#include "gpu-scheduler/translate.h"

namespace stowage::scheduler {
namespace {

/// Where a vendor's labels tell the product and the memory of a device. The first label present wins.
struct Vendor {
  std::string_view resource_prefix;
  std::array<std::string_view, 4> product_labels;
  std::array<std::string_view, 3> memory_labels;
};

constexpr std::array kVendors{
    Vendor{"nvidia.com/",
           {"nvidia.com/gpu.product", "cloud.google.com/gke-accelerator",
            "karpenter.k8s.aws/instance-gpu-name", "kubernetes.azure.com/accelerator"},
           {"nvidia.com/gpu.memory", "karpenter.k8s.aws/instance-gpu-memory"}},
    Vendor{"amd.com/", {"amd.com/gpu.product-name", "amd.com/gpu.family"}, {"amd.com/gpu.vram"}},
    Vendor{"google.com/tpu", {"cloud.google.com/gke-tpu-accelerator"}, {}},
    Vendor{"aws.amazon.com/neuron", {"karpenter.k8s.aws/instance-accelerator-name"}, {}},
    Vendor{"habana.ai/gaudi", {"habana.ai/gaudi.product"}, {}},
    Vendor{"gpu.intel.com/", {"gpu.intel.com/product"}, {"gpu.intel.com/memory.max"}},
};

const Vendor* vendor_of(std::string_view resource) {
  const auto* it = std::ranges::find_if(
      kVendors, [resource](const Vendor& vendor) { return resource.starts_with(vendor.resource_prefix); });
  return it == kVendors.end() ? nullptr : it;
}

std::string_view first_label(const api::StringMap& labels, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    if (name.empty()) continue;
    const auto it = labels.find(name);
    if (it != labels.end() && !it->second.empty()) return it->second;
  }
  return {};
}

/// A bare number is MiB (NVIDIA, Karpenter); AMD writes "192G" and means GiB.
int64_t memory_of(std::string_view text) {
  if (text.empty()) return 0;
  std::string spelled(text);
  if (spelled.back() == 'G' || spelled.back() == 'M') spelled += 'i';
  const bool bare = spelled.find_first_not_of("0123456789") == std::string::npos;
  if (bare) spelled += "Mi";
  const auto bytes = parse_quantity(spelled);
  return bytes && *bytes > 0 ? *bytes : 0;
}

engine::AcceleratorSpec to_accelerator(const std::string& resource, int64_t count,
                                       const api::StringMap& labels) {
  engine::AcceleratorSpec out{.resource = resource, .count = static_cast<int32_t>(count)};
  const Vendor* vendor = vendor_of(resource);
  if (vendor == nullptr) return out;
  std::string_view product;
  std::string_view memory;
  if (resource.starts_with("nvidia.com/mig-")) {
    // A slice has labels of its own; the whole device's memory would promise too much.
    const std::array<std::string, 2> own{resource + ".product", resource + ".memory"};
    product = first_label(labels, std::array<std::string_view, 1>{own[0]});
    memory = first_label(labels, std::array<std::string_view, 1>{own[1]});
    if (product.empty()) product = first_label(labels, vendor->product_labels);
  } else {
    product = first_label(labels, vendor->product_labels);
    memory = first_label(labels, vendor->memory_labels);
  }
  out.product = product;
  out.memory_bytes = memory_of(memory);
  return out;
}

/// Effects of other names keep no pod away.
std::optional<engine::TaintEffect> to_taint_effect(std::string_view effect) {
  if (effect == "NoExecute") return engine::TaintEffect::kNoExecute;
  if (effect == "PreferNoSchedule") return engine::TaintEffect::kPreferNoSchedule;
  if (effect == "NoSchedule") return engine::TaintEffect::kNoSchedule;
  return std::nullopt;
}

void set_amounts(const api::Node& node, engine::NodeSpec& out) {
  size_t devices = 0;
  for (const auto& [name, amount] : node.allocatable) {
    const int64_t value = std::max<int64_t>(amount, 0);
    if (name == "cpu") {
      out.allocatable.cpu_milli = value;
    } else if (name == "memory") {
      out.allocatable.memory_bytes = value;
    } else if (name == "ephemeral-storage") {
      out.allocatable.ephemeral_bytes = value;
    } else if (name == "pods") {
      out.allocatable.pods = value;
    } else {
      out.allocatable.extended[name] = value;
      // Above the engine's limit a resource is still counted, only without devices of its own.
      const bool fits = value > 0 && std::cmp_less_equal(value, engine::kMaxDevices - devices);
      if (!is_accelerator(name) || !fits) continue;
      devices += static_cast<size_t>(value);
      out.accelerators.push_back(to_accelerator(name, value, node.meta.labels));
    }
  }
}

/// Sorted, without blanks and repetitions.
std::vector<std::string> names_in(std::string_view list) {
  std::set<std::string> out;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (!name.empty() && name.front() == ' ')
      name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ')
      name.remove_suffix(1);
    if (!name.empty()) out.emplace(name);
  }
  return {out.begin(), out.end()};
}

}  // namespace

bool is_accelerator(std::string_view resource) {
  return vendor_of(resource) != nullptr;
}

engine::Tier tier_of_labels(const api::StringMap& labels) {
  const auto has = [&labels](std::string_view key, std::string_view value) {
    const auto it = labels.find(key);
    return it != labels.end() && it->second == value;
  };
  if (has("karpenter.sh/capacity-type", "reserved") ||
      has("eks.amazonaws.com/capacityType", "CAPACITY_BLOCK"))
    return engine::Tier::kReserved;
  const bool spot =
      has("karpenter.sh/capacity-type", "spot") || has("eks.amazonaws.com/capacityType", "SPOT") ||
      has("cloud.google.com/gke-spot", "true") || has("cloud.google.com/gke-provisioning", "spot") ||
      has("cloud.google.com/gke-provisioning", "preemptible") ||
      has("cloud.google.com/gke-preemptible", "true") ||
      has("kubernetes.azure.com/scalesetpriority", "spot") || has("node.kubernetes.io/lifecycle", "spot");
  return spot ? engine::Tier::kSpot : engine::Tier::kOnDemand;
}

engine::NodeSpec to_node_spec(const api::Node& node, const NodeCapacity* capacity) {
  engine::NodeSpec out{
      .name = node.meta.name, .labels = node.meta.labels, .unschedulable = node.unschedulable};
  out.taints.reserve(node.taints.size());
  for (const auto& taint : node.taints) {
    if (const auto effect = to_taint_effect(taint.effect))
      out.taints.push_back({.key = taint.key, .value = taint.value, .effect = *effect});
  }
  out.features = node.features;
  set_amounts(node, out);
  out.cached_models = names_in(node.meta.annotation(kCachedModelsAnnotation));
  out.tier = capacity != nullptr ? capacity->tier : tier_of_labels(node.meta.labels);
  if (capacity != nullptr) out.price_micro = capacity->price_micro;
  return out;
}

}  // namespace stowage::scheduler
