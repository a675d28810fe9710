#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/core/node.h"
#include "api/core/pod.h"
#include "api/core/storage.h"
#include "base/result.h"
#include "gpu-scheduler/engine/node_spec.h"
#include "gpu-scheduler/engine/pod_class.h"

/// Kubernetes objects -> the engine's values. Nothing else joins the two.
namespace stowage::scheduler {

/// How capacity on a node is paid for, where a CapacityPool says so.
struct NodeCapacity {
  engine::Tier tier = engine::Tier::kOnDemand;
  int64_t price_micro = 0;  ///< Millionths of the currency unit per device-hour; 0 = unknown.
};

/// The node with its accelerators (by vendor labels), taints and amounts. `capacity` overrides what the
/// labels of clouds say; null = labels alone. Negative amounts count as 0.
engine::NodeSpec to_node_spec(const api::Node& node, const NodeCapacity* capacity);

/// Tier by the labels of Karpenter, EKS, GKE and AKS; on-demand when none speaks.
engine::Tier tier_of_labels(const api::StringMap& labels);

/// True for extended resources that are accelerators: devices with a product and memory.
bool is_accelerator(std::string_view resource);

/// What Stowage's annotations ask of the devices and capacity of a pod.
struct DeviceWishes {
  std::vector<std::string> products;
  int64_t memory_bytes = 0;
  std::vector<engine::Tier> tiers;
};

/// Which weights a pod loads, and which a node holds: names separated by commas, equal where they mean the
/// same (`hf://org/name`, with `@revision` where the deployment names one).
inline constexpr std::string_view kModelAnnotation = "stowage.dev/model";
inline constexpr std::string_view kCachedModelsAnnotation = "stowage.dev/cached-models";

/// Claims, volumes and classes by name; any may be null when it is not known.
struct StorageLookup {
  std::function<std::shared_ptr<const api::PersistentVolumeClaim>(std::string_view key)> claim;
  std::function<std::shared_ptr<const api::PersistentVolume>(std::string_view name)> volume;
  std::function<std::shared_ptr<const api::StorageClass>(std::string_view name)> storage_class;
  /// Every volume of a class, in a stable order: an unbound claim may take a free one.
  std::function<std::vector<std::shared_ptr<const api::PersistentVolume>>(std::string_view name)>
      volumes_of_class;
  /// True when a pod that has a node uses the claim.
  std::function<bool(std::string_view key)> claim_in_use;
  /// Every node. Only asked for pods with several unbound claims, which may compete for volumes.
  std::function<void(const std::function<void(const std::string& name, const api::StringMap& labels)>&)>
      each_node;
};

/// The volumes whose class is `name`, in the order of their names.
std::vector<std::shared_ptr<const api::PersistentVolume>> volumes_of_class(
    const std::map<std::string, std::shared_ptr<const api::PersistentVolume>, std::less<>>& volumes,
    std::string_view name);

/// What a pod's volumes ask: node selectors that must all match, and claims that are bound by scheduling.
struct VolumeNeeds {
  std::vector<engine::NodeSelector> node_affinity;
  std::vector<std::string> wait_for_consumer;  ///< Keys of claims that need the selected node, then Bound.
};

/// Bound claims: the volume's node affinity, and its zone and region labels. Unbound claims whose class waits
/// for the first consumer: nodes that reach a free volume or where one can be made. Errors: kUnsupported with
/// kube-scheduler's sentence ("persistentvolumeclaim \"a\" not found", "pod has unbound immediate
/// PersistentVolumeClaims"): the pod cannot be placed now.
Result<VolumeNeeds> volume_needs(const api::Pod& pod, const StorageLookup& storage);

/// The class of a pod: everything that placement depends on.
engine::PodClass to_pod_class(const api::Pod& pod, const DeviceWishes& wishes, VolumeNeeds volumes = {});

/// Requests as kube-scheduler counts them: containers and sidecars, init containers in order, pod-level
/// requests, overhead. Sums saturate.
engine::Resources effective_requests(const api::PodSpec& spec);
/// The same of a pod; one that has a node counts with what its status says of a resize too, when that is
/// more.
engine::Resources effective_requests(const api::Pod& pod);
/// True for resources that the scheduler counts by name: extended ones, hugepages, attachable volumes, and
/// those of kubernetes.io.
bool is_counted_by_name(std::string_view resource);

engine::NodeSelector to_engine(const api::NodeSelector& selector);
engine::LabelSelector to_engine(const api::LabelSelector& selector);
engine::Toleration to_engine(const api::Toleration& toleration);
engine::PodAffinityTerm to_engine(const api::PodAffinityTerm& term);
engine::TopologySpreadConstraint to_engine(const api::TopologySpreadConstraint& constraint);
/// Fills selector, affinity, tolerations, spread and host ports.
void translate_constraints(const api::PodSpec& spec, engine::PodClass& out);

}  // namespace stowage::scheduler
