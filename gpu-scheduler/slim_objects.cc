#include "gpu-scheduler/slim_objects.h"

#include <algorithm>
#include <string>
#include <vector>

namespace stowage::scheduler {
namespace {

void slim(api::ObjectMeta& meta) {
  erase_if(meta.annotations, [](const auto& entry) { return !entry.first.starts_with("stowage.dev/"); });
  meta.annotations.shrink_to_fit();
  meta.labels.shrink_to_fit();
  std::erase_if(meta.owners, [](const api::OwnerReference& owner) { return !owner.controller; });
  meta.owners.shrink_to_fit();
  meta.finalizers = {};
}

bool reports_resources(const api::ContainerStatus& status) {
  return status.allocated || status.requests;
}

/// A pod that was resized in place: its statuses are matched with its containers by name.
bool resized(const api::PodStatus& status) {
  return status.allocated || status.requests || status.reports_resources ||
         std::ranges::any_of(status.containers, reports_resources) ||
         std::ranges::any_of(status.init_containers, reports_resources);
}

void slim(std::vector<api::Container>& containers, bool keep_names) {
  for (api::Container& container : containers) {
    if (!keep_names) container.name = {};
    container.image = {};
    container.limits.clear();
    // Only host ports are taken on a node.
    std::erase_if(container.ports, [](const api::ContainerPort& port) { return port.host_port == 0; });
    container.ports.shrink_to_fit();
  }
  containers.shrink_to_fit();
}

}  // namespace

Result<api::Pod> decode_slim_pod(std::string_view json) {
  TRY(api::Pod pod, api::decode_pod(json));
  slim(pod.meta);
  const bool keep = resized(pod.status);
  slim(pod.spec.containers, keep);
  slim(pod.spec.init_containers, keep);
  if (!keep) {
    pod.status.containers = {};
    pod.status.init_containers = {};
  }
  // Once bound, a pod has no more choices: only what it holds and what others may look at counts.
  if (!pod.spec.node_name.empty()) pod.spec.tolerations = {};
  pod.spec.tolerations.shrink_to_fit();
  const bool bound = !pod.spec.node_name.empty();
  std::erase_if(pod.status.conditions, [bound](const api::Condition& one) {
    return one.type != "PodResizePending" && (bound || one.type != "PodScheduled");
  });
  pod.status.conditions.shrink_to_fit();
  pod.spec.preemption_policy = {};
  pod.spec.priority_class = {};
  pod.status.reason = {};
  pod.status.message = {};
  return pod;
}

void forget_content(api::Node& node) {
  node.meta.labels = {};
  node.meta.annotations = {};
  node.meta.owners = {};
  node.taints = {};
  node.allocatable = {};
}

Result<api::Node> decode_slim_node(std::string_view json) {
  TRY(api::Node node, api::decode_node(json));
  slim(node.meta);
  return node;
}

}  // namespace stowage::scheduler
