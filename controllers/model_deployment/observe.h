#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/stowage/v1alpha1/model_deployment.h"
#include "api/stowage/v1alpha1/model_runtime.h"
#include "api/stowage/v1alpha1/scheduling_policy.h"
#include "controllers/model_deployment/facts.h"
#include "controllers/model_deployment/shape.h"
#include "controllers/model_deployment/status.h"
#include "kube/runtime/store.h"

namespace stowage::model_deployment {

/// Name of the index by deployment_key in the stores of pods, Services and revisions.
inline constexpr std::string_view kByDeployment = "deployment";

/// The caches a reconcile reads; filled by the process's informers.
struct Stores {
  const kube::Store<api::ModelDeployment>& deployments;
  const kube::Store<api::ModelRuntime>& runtimes;
  const kube::Store<api::SchedulingPolicy>& policies;
  const kube::Store<PodFact>& pods;
  const kube::Store<ServiceFact>& services;
  const kube::Store<RevisionFact>& revisions;
  const kube::Store<NodeFact>& nodes;
  /// resourceVersion that the cache of pods has followed to; unset: unknown.
  std::function<std::string()> pods_followed = {};
};

/// What the caches say about one deployment.
struct Observed {
  kube::Ref<api::ModelDeployment> deployment;  ///< Null: it is gone.
  kube::Ref<api::ModelRuntime> runtime;        ///< Null: unknown.
  kube::Ref<api::SchedulingPolicy> policy;     ///< Null: unknown.
  std::vector<kube::Ref<PodFact>> pods;
  std::vector<kube::Ref<ServiceFact>> services;    ///< Owned by it.
  std::vector<kube::Ref<RevisionFact>> revisions;  ///< Owned by it, by number.
  std::vector<std::string> unknown_nodes;          ///< Nodes of its pods that the cache does not have.
  std::optional<Shape> shape;
  std::optional<Issue> issue;  ///< What the spec itself has against it.

  [[nodiscard]] const RevisionFact* revision(std::string_view name) const;
  [[nodiscard]] const RevisionFact* revision_of_key(std::string_view key) const;
};

Observed observe(const Stores& stores, const std::string& key);

}  // namespace stowage::model_deployment
