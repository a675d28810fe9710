#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/core/pod.h"
#include "api/meta.h"
#include "base/clock.h"
#include "base/result.h"

/// ModelDeployment of stowage.dev/v1alpha1. Meaning, units and defaults of every field are described once, in
/// crds/modeldeployments.yaml; here is what an object holds after the API server's defaulting.
namespace stowage::api {

struct EnvVar {
  std::string name;
  std::string value;
  bool operator==(const EnvVar&) const = default;
};

struct ModelSource {
  std::string uri;
  std::string revision;
  std::string served_name;  ///< Empty = metadata.name.
  std::string credentials_secret;
  bool operator==(const ModelSource&) const = default;
};

struct RuntimeChoice {
  std::string name;  ///< Empty = the default runtime.
  std::string image;
  std::vector<std::string> args;
  std::vector<EnvVar> env;
  bool operator==(const RuntimeChoice&) const = default;
};

struct Parallelism {
  int32_t tensor = 1;
  int32_t pipeline = 1;
  int32_t data = 1;
  bool expert = false;
  bool operator==(const Parallelism&) const = default;
};

struct AcceleratorDemand {
  std::string resource = "nvidia.com/gpu";
  std::vector<std::string> products;         ///< In order of preference; empty = any.
  int64_t min_memory_bytes = 0;              ///< Per device; 0 = any.
  std::optional<int32_t> per_node;           ///< Devices per node.
  std::optional<int32_t> nodes_per_replica;  ///< Pods per replica.
  bool operator==(const AcceleratorDemand&) const = default;
};

struct Placement {
  std::string policy = "default";
  std::string priority_class;
  std::string topology_level;  ///< Empty = none.
  bool topology_required = true;
  std::string spread_level;  ///< Empty = none.
  int32_t spread_max_skew = 1;
  std::vector<std::string> regions;
  std::vector<std::string> zones;
  StringMap node_selector;
  std::vector<Toleration> tolerations;
  bool operator==(const Placement&) const = default;
};

struct RolloutLimits {
  int32_t max_surge = 1;        ///< Replicas.
  int32_t max_unavailable = 0;  ///< Replicas.
  Millis progress_deadline{30 * 60 * 1000};
  int32_t budget_restarts = 5;  ///< Failures in a row.
  Millis budget_window{60 * 60 * 1000};
  bool operator==(const RolloutLimits&) const = default;
};

struct ModelDeploymentSpec {
  ModelSource model;
  RuntimeChoice runtime;
  int32_t replicas = 1;
  std::optional<Parallelism> parallelism;
  AcceleratorDemand accelerator;
  Placement placement;
  std::vector<std::string> tiers;  ///< Permitted, in order of preference; empty = any.
  RolloutLimits rollout;
  bool suspend = false;
  std::string pod_template;  ///< JSON object as the user wrote it; empty = none.
  /// Canonical JSON of everything above that pods are made of: equal text, same pods.
  std::string revision_key;
};

/// One entry of status.attempts.
struct ReplicaAttempt {
  int32_t replica = 0;
  int32_t attempt = 0;
  int32_t restarts = 0;  ///< Own failures in a row.
  WallTime since = {};   ///< When the attempt began; whole seconds.
  int32_t forgiven = 0;  ///< Failures of a pod alone before it last ran for the budget's window.
  bool operator==(const ReplicaAttempt&) const = default;
};

struct AppliedObject {
  std::string kind;
  std::string name;
  int64_t generation = 0;
  bool operator==(const AppliedObject&) const = default;
};

struct SelectedValue {
  std::string field;
  std::string value;
  std::string reason;
  bool operator==(const SelectedValue&) const = default;
};

/// The operator's part of the status; status.placement is the scheduler's and is not here.
struct ModelDeploymentStatus {
  int64_t observed_generation = 0;
  int32_t replicas = 0;
  int32_t ready_replicas = 0;
  int32_t updated_replicas = 0;
  std::string selector;
  std::string ready;
  std::string placed;
  std::string accelerator;
  int32_t nodes_per_replica = 0;
  std::string current_revision;
  std::string update_revision;
  std::string served_name;
  std::vector<ReplicaAttempt> attempts;
  std::vector<AppliedObject> applied;
  std::vector<SelectedValue> selected;
  std::vector<Condition> conditions;  ///< By type.
  bool operator==(const ModelDeploymentStatus&) const = default;

  [[nodiscard]] const Condition* condition(std::string_view type) const {
    for (const auto& condition : conditions) {
      if (condition.type == type) return &condition;
    }
    return nullptr;
  }
};

struct ModelDeployment {
  ObjectMeta meta;
  ModelDeploymentSpec spec;
  ModelDeploymentStatus status;
};

/// One JSON object. Errors: kMalformed, naming the path.
Result<ModelDeployment> decode_model_deployment(std::string_view json);

/// Body of a server-side apply of the status subresource: the complete set of the operator's fields, with
/// name, UID and resourceVersion of what it follows from. An object that was deleted and made again, or that
/// has changed since, answers 409: so does a copy of this request that arrives once more.
std::string encode_status_apply(const ObjectMeta& meta, const ModelDeploymentStatus& status);

}  // namespace stowage::api
