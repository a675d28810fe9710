#include "gpu-scheduler/feasible/check_objects.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

namespace stowage::feasible {
namespace {

constexpr int32_t kMostPort = 65535;

std::unexpected<Error> wrong(std::string_view path, std::string_view sentence) {
  return fail(Code::kInvalidArgument, fmt::format("{}: {}", path, sentence));
}

Result<void> check_amounts(std::string_view path, const api::ResourceList& amounts) {
  for (const auto& [name, amount] : amounts) {
    if (amount < 0) return wrong(fmt::format("{}.{}", path, name), "is negative: write 0 or more");
  }
  return {};
}

Result<void> check_amounts(std::string_view path, const std::optional<api::ResourceList>& amounts) {
  return amounts ? check_amounts(path, *amounts) : Result<void>();
}

Result<void> check_least_one(std::string_view path, int32_t value) {
  if (value < 1) return wrong(path, fmt::format("is {}: write 1 or more", value));
  return {};
}

Result<void> check_containers(std::string_view path, const std::vector<api::Container>& containers) {
  for (size_t i = 0; i < containers.size(); ++i) {
    TRY_VOID(check_amounts(fmt::format("{}[{}].resources.requests", path, i), containers[i].requests));
    for (size_t p = 0; p < containers[i].ports.size(); ++p) {
      const int32_t port = containers[i].ports[p].host_port;
      if (port < 0 || port > kMostPort) {
        return wrong(fmt::format("{}[{}].ports[{}].hostPort", path, i, p),
                     fmt::format("is {}: write a port from 1 to {}, or 0 for none", port, kMostPort));
      }
    }
  }
  return {};
}

Result<void> check_statuses(std::string_view path, const std::vector<api::ContainerStatus>& statuses) {
  for (size_t i = 0; i < statuses.size(); ++i) {
    TRY_VOID(check_amounts(fmt::format("{}[{}].allocatedResources", path, i), statuses[i].allocated));
    TRY_VOID(check_amounts(fmt::format("{}[{}].resources.requests", path, i), statuses[i].requests));
  }
  return {};
}

Result<void> check_storage(const api::ObjectMeta& meta, std::string_view path, int64_t bytes) {
  TRY_VOID(check_name(meta));
  if (bytes < 0) return wrong(path, "is negative: write 0 or more");
  return {};
}

}  // namespace

Result<void> check_name(const api::ObjectMeta& meta) {
  if (meta.name.empty()) return wrong("metadata.name", "is missing: every object of a cluster has one");
  return {};
}

Result<void> check(const api::Pod& pod) {
  TRY_VOID(check_name(pod.meta));
  const auto& spec = pod.spec;
  TRY_VOID(check_containers("spec.containers", spec.containers));
  TRY_VOID(check_containers("spec.initContainers", spec.init_containers));
  TRY_VOID(check_amounts("spec.overhead", spec.overhead));
  TRY_VOID(check_amounts("spec.resources.requests", spec.pod_requests));
  for (size_t i = 0; i < spec.spread.size(); ++i) {
    const std::string path = fmt::format("spec.topologySpreadConstraints[{}]", i);
    TRY_VOID(check_least_one(path + ".maxSkew", spec.spread[i].max_skew));
    TRY_VOID(check_least_one(path + ".minDomains", spec.spread[i].min_domains.value_or(1)));
  }
  TRY_VOID(check_statuses("status.containerStatuses", pod.status.containers));
  TRY_VOID(check_statuses("status.initContainerStatuses", pod.status.init_containers));
  TRY_VOID(check_amounts("status.allocatedResources", pod.status.allocated));
  return check_amounts("status.resources.requests", pod.status.requests);
}

Result<void> check(const api::Node& node) {
  TRY_VOID(check_name(node.meta));
  return check_amounts("status.allocatable", node.allocatable);
}

Result<void> check(const api::PersistentVolumeClaim& claim) {
  return check_storage(claim.meta, "spec.resources.requests.storage", claim.storage_bytes);
}

Result<void> check(const api::PersistentVolume& volume) {
  return check_storage(volume.meta, "spec.capacity.storage", volume.storage_bytes);
}

Result<void> check(const api::StorageClass& storage_class) {
  return check_name(storage_class.meta);
}

}  // namespace stowage::feasible
