#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/core/selector.h"
#include "api/meta.h"
#include "base/result.h"

namespace stowage::api {

/// Resource name -> amount: CPU in thousandths ("cpu"), everything else in whole units (bytes, devices,
/// pods), rounded up.
struct ResourceList : std::map<std::string, int64_t, std::less<>> {
  using std::map<std::string, int64_t, std::less<>>::map;

  /// By how many billionths of a unit ("cpu": of a CPU) the amount was rounded up. Empty but for quantities
  /// such as "1500m" of memory: sums are rounded at their end, as Kubernetes does.
  struct Excess {
    std::string name;
    int64_t nano;
    bool operator==(const Excess&) const = default;
  };
  std::vector<Excess> excess;
};

struct ContainerPort {
  int32_t host_port = 0;  ///< 0 = none.
  std::string host_ip;
  std::string protocol = "TCP";
  bool operator==(const ContainerPort&) const = default;
};

struct Container {
  std::string name;
  std::string image;
  ResourceList requests;  ///< After defaulting from limits, as the API server stores it.
  ResourceList limits;
  std::vector<ContainerPort> ports;
  bool restart_always = false;  ///< An init container that is a sidecar.
  // What asks for features that the node must declare.
  bool bind_mount_options = false;  ///< Some volumeMount has bindMountOptions.
  bool restarts_all = false;        ///< Some restartPolicyRule restarts all containers.
  bool operator==(const Container&) const = default;
};

struct Toleration {
  std::string key;
  std::string op;  ///< Exists or Equal; empty = Equal. 1.35+: Gt, Lt where served.
  std::string value;
  std::string effect;
  std::optional<int64_t> seconds = {};
  bool operator==(const Toleration&) const = default;
};

struct PodAffinityTerm {
  std::optional<LabelSelector> selector;
  std::vector<std::string> namespaces;
  std::optional<LabelSelector> namespace_selector;
  std::string topology_key;
  std::vector<std::string> match_label_keys;
  std::vector<std::string> mismatch_label_keys;
  bool operator==(const PodAffinityTerm&) const = default;
};

template <class Term>
struct Weighted {
  int32_t weight = 0;
  Term term;
  bool operator==(const Weighted&) const = default;
};

struct Affinity {
  std::optional<NodeSelector> node_required;
  std::vector<Weighted<NodeSelectorTerm>> node_preferred;
  std::vector<PodAffinityTerm> pod_required;
  std::vector<Weighted<PodAffinityTerm>> pod_preferred;
  std::vector<PodAffinityTerm> anti_required;
  std::vector<Weighted<PodAffinityTerm>> anti_preferred;
  bool operator==(const Affinity&) const = default;
};

struct TopologySpreadConstraint {
  int32_t max_skew = 1;
  std::string topology_key;
  std::string when_unsatisfiable;  ///< DoNotSchedule or ScheduleAnyway.
  std::optional<LabelSelector> selector;
  std::optional<int32_t> min_domains;
  std::string node_affinity_policy;  ///< Honor (default) or Ignore.
  std::string node_taints_policy;    ///< Ignore (default) or Honor.
  std::vector<std::string> match_label_keys;
  bool operator==(const TopologySpreadConstraint&) const = default;
};

/// The volumes that matter to placement.
struct PodVolume {
  std::string name;
  std::string claim;  ///< persistentVolumeClaim.claimName; ephemeral volumes: <pod>-<volume>.
  bool ephemeral = false;
  bool operator==(const PodVolume&) const = default;
};

/// A disk that a volume of the pod names itself: what kube-scheduler's VolumeRestrictions compares.
struct PodDisk {
  enum class Kind : uint8_t { kGcePersistentDisk, kAwsElasticBlockStore, kIscsi, kRbd };
  Kind kind = Kind::kGcePersistentDisk;
  std::string id;  ///< pdName, volumeID, iqn or image.
  std::string pool = {};
  std::vector<std::string> monitors = {};
  bool read_only = false;
  bool operator==(const PodDisk&) const = default;
};

struct ContainerStatus {
  std::string name;
  bool ready = false;
  int32_t restart_count = 0;
  std::string waiting_reason;
  std::string terminated_reason;
  int32_t exit_code = 0;
  std::optional<ResourceList> allocated;  ///< allocatedResources: what the kubelet admitted.
  std::optional<ResourceList> requests;   ///< resources.requests: what is in force.
  bool operator==(const ContainerStatus&) const = default;
};

struct PodSpec {
  std::string node_name;
  std::string scheduler_name;
  std::string priority_class;
  int32_t priority = 0;
  std::string preemption_policy;
  std::string restart_policy;
  bool host_network = false;
  StringMap node_selector;
  Affinity affinity;
  std::vector<Toleration> tolerations;
  std::vector<TopologySpreadConstraint> spread;
  std::vector<Container> containers;
  std::vector<Container> init_containers;
  std::optional<ResourceList> pod_requests;  ///< spec.resources.requests (pod-level resources).
  ResourceList overhead;
  std::vector<std::string> scheduling_gates;
  std::vector<std::string> resource_claims;
  std::vector<PodVolume> volumes;
  std::vector<PodDisk> disks;
  bool host_users = true;
  std::string pod_group;  ///< spec.schedulingGroup.podGroupName where the cluster serves it.
  bool operator==(const PodSpec&) const = default;
};

struct PodStatus {
  std::string phase;
  std::string reason;
  std::string message;
  std::string nominated_node;
  std::vector<Condition> conditions;
  std::vector<ContainerStatus> containers;
  std::vector<ContainerStatus> init_containers;
  std::optional<ResourceList> allocated;  ///< allocatedResources of the pod level.
  bool reports_resources = false;         ///< `resources` of the pod level is present.
  std::optional<ResourceList> requests;   ///< resources.requests of the pod level.
  bool operator==(const PodStatus&) const = default;
};

/// The part of core/v1 Pod that placement and replica control read.
struct Pod {
  ObjectMeta meta;
  PodSpec spec;
  PodStatus status;

  /// Succeeded or Failed: holds no resources.
  [[nodiscard]] bool terminal() const { return status.phase == "Succeeded" || status.phase == "Failed"; }
  [[nodiscard]] bool terminating() const { return meta.deleted.has_value(); }
  [[nodiscard]] const Condition* condition(std::string_view type) const {
    for (const auto& condition : status.conditions) {
      if (condition.type == type) return &condition;
    }
    return nullptr;
  }
  [[nodiscard]] bool ready() const {
    const Condition* ready = condition("Ready");
    return ready != nullptr && ready->status == "True";
  }
};

/// One JSON object, as lists and watches carry it. Errors: kMalformed (not JSON, wrong types), naming the
/// path.
Result<Pod> decode_pod(std::string_view json);

}  // namespace stowage::api
