#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta.h"
#include "base/clock.h"
#include "base/result.h"

/// What the controller remembers of its children: a small part of each object, so that thousands fit in a
/// small process.
namespace stowage::model_deployment {

/// Why a pod that ended did so: the restart budget is spent by the workload's own failures only.
enum class PodEnd {
  kNone,       ///< It has not ended.
  kOwn,        ///< Its own containers failed, or ended although they should serve.
  kDisrupted,  ///< Evicted, preempted, its node shut down.
  kRejected,   ///< The kubelet did not admit it (OutOfcpu, UnexpectedAdmissionError, ...).
};

/// A pod with label stowage.dev/deployment. Of meta only name, ns, uid, resource_version, created, deleted
/// and the controller among the owners are kept.
struct PodFact {
  api::ObjectMeta meta;
  std::string deployment;
  std::string revision;
  int32_t replica = -1;
  int32_t attempt = -1;
  int32_t rank = -1;
  int32_t group_size = 0;
  std::string node;  ///< Empty = not bound.
  bool running = false;
  bool ready = false;
  /// Failures of its container that restarts most: the kubelet starts it again where the pod permits it.
  int32_t failures = 0;
  Millis last_run{0};        ///< How long that container ran before the latest of them.
  std::string last_failure;  ///< The latest in words that stay the same while it is restarted.
  PodEnd end = PodEnd::kNone;
  std::string problem;  ///< Unbound: the scheduler's message. Else: why the engine waits or ended.
  std::string problem_reason;

  /// False for a pod whose labels do not say which member it is, or say what its name does not.
  [[nodiscard]] bool is_member() const { return replica >= 0 && attempt >= 0 && rank >= 0; }
};

/// Key of a deployment, "ns/name", from a child's namespace and label.
std::string deployment_key(const std::string& ns, const std::string& deployment);

/// One pod. Errors: kMalformed, naming the path.
Result<PodFact> decode_pod_fact(std::string_view json);

/// A Service with label stowage.dev/deployment.
struct ServiceFact {
  api::ObjectMeta meta;
  std::string deployment;
  api::StringMap selector;
  std::string ports;  ///< "name:port>target/protocol", comma-separated.
  bool headless = false;
  bool publish_not_ready = false;
};
Result<ServiceFact> decode_service_fact(std::string_view json);

/// An apps/v1 ControllerRevision with label stowage.dev/deployment.
struct RevisionFact {
  api::ObjectMeta meta;
  std::string deployment;
  int64_t number = 0;  ///< .revision
  std::string data;    ///< JSON of .data: what render_revision (desired.h) made.
  // From data:
  std::string key;    ///< ModelDeploymentSpec::revision_key.
  int32_t nodes = 0;  ///< Pods of a replica; 0 = not one of ours, pods cannot be made of it.
  int32_t port = 0;   ///< Of the engine.
};
Result<RevisionFact> decode_revision_fact(std::string_view json);

/// Of a node, only that it exists.
struct NodeFact {
  api::ObjectMeta meta;
};
Result<NodeFact> decode_node_fact(std::string_view json);

}  // namespace stowage::model_deployment
