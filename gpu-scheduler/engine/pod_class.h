#pragma once

#include <string>
#include <vector>

#include "gpu-scheduler/engine/constraints.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

/// What a pod wants of accelerators, beyond the count.
struct DeviceRequest {
  std::string resource;  ///< Extended resource, e.g. "nvidia.com/gpu"; empty: no accelerator.
  int32_t count =
      0;  ///< Devices. Also counted when the same resource stands in `requests.extended` (the larger).
  int32_t milli = kWholeDevice;       ///< Of each device; below 1000 (a share) `count` must be 1.
  std::vector<std::string> products;  ///< Permitted products, most wanted first; empty = any.
  int64_t memory_bytes = 0;  ///< Least memory per device; a device with 93 % of it still counts. 0 = any.
  bool operator==(const DeviceRequest&) const = default;
};

/// Where the pod may run by law: hard. Empty = anywhere. Matched against topology.kubernetes.io/region and
/// /zone.
struct Residency {
  std::vector<std::string> regions;
  std::vector<std::string> zones;
  bool operator==(const Residency&) const = default;
};

/// Everything about a pod that placement depends on, in canonical form: pods with equal classes are
/// interchangeable. Intern it with ClusterState::intern; feasibility and score are cached per class.
struct PodClass {
  std::string name_space = "default";
  Labels labels;
  /// Effective requests: max(sum of containers and sidecars, init containers in order) + overhead, or
  /// pod-level resources. `pods` is 1.
  Resources requests{.pods = 1};
  DeviceRequest device;
  std::vector<Tier> tiers;  ///< Permitted tiers, most wanted first; empty = any.
  Residency residency;
  /// The model whose weights the pod loads, by the name that NodeSpec::cached_models uses; empty = none.
  std::string model;

  Labels node_selector;
  std::vector<NodeSelector> required_node_affinity;  ///< At most one entry; none = no requirement.
  std::vector<PreferredNodeTerm> preferred_node_affinity;
  std::vector<Toleration> tolerations;
  std::vector<HostPort> host_ports;
  std::vector<PodDisk> disks;
  std::vector<std::string> node_features;  ///< That the node must declare.
  /// One per bound volume: the PersistentVolume's `nodeAffinity.required`. All must match.
  std::vector<NodeSelector> volume_node_affinity;

  std::vector<PodAffinityTerm> required_affinity;
  std::vector<PodAffinityTerm> required_anti_affinity;
  std::vector<WeightedPodAffinityTerm> preferred_affinity;
  std::vector<WeightedPodAffinityTerm> preferred_anti_affinity;
  std::vector<TopologySpreadConstraint> spread_constraints;

  bool operator==(const PodClass&) const = default;
  /// True when a rule of this class looks at other pods (affinity, anti-affinity, spread).
  [[nodiscard]] bool looks_at_other_pods() const {
    return !required_affinity.empty() || !required_anti_affinity.empty() || !preferred_affinity.empty() ||
           !preferred_anti_affinity.empty() || !spread_constraints.empty();
  }
  [[nodiscard]] bool shares_device() const { return device.count > 0 && device.milli < kWholeDevice; }
};

/// The canonical text of a class: equal classes give equal keys, different ones different keys.
std::string class_key(const PodClass& pod_class);
/// The part of the key that a node alone is judged by: without namespace, labels and rules about other pods.
std::string shape_key(const PodClass& pod_class);

}  // namespace stowage::engine
