#include "gpu-scheduler/engine/filters_k8s.h"

#include <algorithm>

#include "gpu-scheduler/engine/selectors.h"

namespace stowage::engine {
namespace {

/// A cordoned node is one with this taint, whether or not the node controller has written it yet.
const Taint& unschedulable_taint() {
  static const Taint kTaint{
      .key = "node.kubernetes.io/unschedulable", .value = "", .effect = TaintEffect::kNoSchedule};
  return kTaint;
}

bool covered(const std::vector<Toleration>& tolerations, const Taint& taint) {
  return std::ranges::any_of(tolerations,
                             [&](const auto& toleration) { return tolerates(toleration, taint); });
}

bool every_address(const HostPort& port) {
  return port.ip.empty() || port.ip == "0.0.0.0";
}

bool have_one_in_common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::any_of(a, [&](const auto& one) { return std::ranges::find(b, one) != b.end(); });
}

std::string_view protocol(const HostPort& port) {
  return port.protocol.empty() ? std::string_view("TCP") : std::string_view(port.protocol);
}

}  // namespace

StaticVerdict check_static_k8s(const PodClass& pod, const NodeSpec& node) {
  if (node.unschedulable && !covered(pod.tolerations, unschedulable_taint())) {
    return {.reason = Reason::kUnschedulable};
  }
  if (const Taint* taint = first_untolerated(node.taints, pod.tolerations)) {
    return {.reason = Reason::kTaint, .taint = taint};
  }
  if (!matches_required_node_affinity(pod.node_selector, pod.required_node_affinity, node)) {
    return {.reason = Reason::kNodeSelector};
  }
  const bool volumes_reach = std::ranges::all_of(pod.volume_node_affinity, [&](const auto& selector) {
    return matches(selector, node.labels, node.name);
  });
  if (!volumes_reach) return {.reason = Reason::kVolumeAffinity};
  const bool declared = std::ranges::all_of(pod.node_features, [&](const std::string& feature) {
    return std::ranges::find(node.features, feature) != node.features.end();
  });
  if (!declared) return {.reason = Reason::kNodeFeatures};
  return {};
}

int64_t preferred_node_affinity_score(const PodClass& pod, const NodeSpec& node) {
  int64_t sum = 0;
  for (const auto& preferred : pod.preferred_node_affinity) {
    if (matches(preferred.term, node.labels, node.name)) sum += preferred.weight;
  }
  return sum;
}

int32_t untolerated_prefer_no_schedule(const PodClass& pod, const NodeSpec& node) {
  return static_cast<int32_t>(std::ranges::count_if(node.taints, [&](const Taint& taint) {
    return taint.effect == TaintEffect::kPreferNoSchedule && !covered(pod.tolerations, taint);
  }));
}

bool host_ports_conflict(const HostPort& a, const HostPort& b) {
  if (a.port <= 0 || a.port != b.port || protocol(a) != protocol(b)) return false;
  return every_address(a) || every_address(b) || a.ip == b.ip;
}

bool disks_conflict(const PodDisk& a, const PodDisk& b) {
  if (a.kind != b.kind || a.id != b.id) return false;
  if (a.kind == PodDisk::Kind::kAwsElasticBlockStore) return true;
  if (a.kind == PodDisk::Kind::kRbd && (a.pool != b.pool || !have_one_in_common(a.monitors, b.monitors)))
    return false;
  return !(a.read_only && b.read_only);
}

}  // namespace stowage::engine
