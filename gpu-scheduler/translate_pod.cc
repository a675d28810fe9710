#include <algorithm>

#include "gpu-scheduler/translate.h"

namespace stowage::scheduler {
namespace {

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

engine::PodDisk::Kind to_disk_kind(api::PodDisk::Kind kind) {
  switch (kind) {
    case api::PodDisk::Kind::kGcePersistentDisk:
      return engine::PodDisk::Kind::kGcePersistentDisk;
    case api::PodDisk::Kind::kAwsElasticBlockStore:
      return engine::PodDisk::Kind::kAwsElasticBlockStore;
    case api::PodDisk::Kind::kIscsi:
      return engine::PodDisk::Kind::kIscsi;
    case api::PodDisk::Kind::kRbd:
      break;
  }
  return engine::PodDisk::Kind::kRbd;
}

std::vector<engine::PodDisk> to_disks(const std::vector<api::PodDisk>& disks) {
  std::vector<engine::PodDisk> out;
  out.reserve(disks.size());
  for (const auto& disk : disks)
    out.push_back({.kind = to_disk_kind(disk.kind),
                   .id = disk.id,
                   .pool = disk.pool,
                   .monitors = disk.monitors,
                   .read_only = disk.read_only});
  return out;
}

/// What kube-scheduler 1.37 infers from a pod (component-helpers/nodedeclaredfeatures); other features are
/// about updates alone.
std::vector<std::string> features_of(const api::PodSpec& spec) {
  const auto any_container = [&](bool api::Container::* flag) {
    const auto has = [flag](const api::Container& container) { return container.*flag; };
    return std::ranges::any_of(spec.containers, has) || std::ranges::any_of(spec.init_containers, has);
  };
  std::vector<std::string> out;
  if (any_container(&api::Container::restarts_all)) out.emplace_back("RestartAllContainersOnContainerExits");
  if (spec.host_network && !spec.host_users) out.emplace_back("UserNamespacesHostNetworkSupport");
  if (any_container(&api::Container::bind_mount_options)) out.emplace_back("VolumeBindMountOptions");
  return out;
}

}  // namespace

engine::PodClass to_pod_class(const api::Pod& pod, const DeviceWishes& wishes, VolumeNeeds volumes) {
  engine::PodClass out;
  out.name_space = pod.meta.ns;
  out.labels = pod.meta.labels;
  out.requests = effective_requests(pod);
  out.device = to_device(out.requests, wishes);
  out.tiers = wishes.tiers;
  // Once it has a node, nothing is chosen for it: one class less.
  if (pod.spec.node_name.empty()) {
    out.model = pod.meta.annotation(kModelAnnotation);
    out.node_features = features_of(pod.spec);
  }
  out.disks = to_disks(pod.spec.disks);
  translate_constraints(pod.spec, out);
  out.volume_node_affinity = std::move(volumes.node_affinity);
  return out;
}

}  // namespace stowage::scheduler
