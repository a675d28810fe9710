#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/stowage/v1alpha1/model_deployment.h"
#include "base/clock.h"
#include "controllers/model_deployment/decide.h"
#include "controllers/model_deployment/shape.h"

namespace stowage::model_deployment {

/// Something that keeps a ModelDeployment from what its spec asks for.
struct Issue {
  std::string reason;   ///< One word: "UnknownRuntime".
  std::string message;  ///< What is wrong, and what to change.
  bool stalled = true;  ///< Only an edit can help; false = it may pass by itself.
};

/// Everything a status is made of.
struct StatusInput {
  const api::ModelDeployment& deployment;
  const Plan& plan;
  WallTime now = {};
  int32_t target = 0;
  std::string update_revision;
  std::optional<Issue> issue;
  std::optional<Shape> shape;
  std::vector<api::AppliedObject> applied;
  std::string runtime_drift;  ///< Empty, or how the runtime differs from what the pods were made of.
};

/// The complete status of the operator, following `before` where history matters (transition times, the last
/// revision that was rolled out). Equal input and before give an equal status.
api::ModelDeploymentStatus make_status(const StatusInput& input, const api::ModelDeploymentStatus& before);

/// Equality without regard to the order of conditions.
bool same_status(api::ModelDeploymentStatus a, api::ModelDeploymentStatus b);

/// True when they differ in figures and messages at most: nothing that anybody waits for.
bool same_but_figures(api::ModelDeploymentStatus a, api::ModelDeploymentStatus b);

}  // namespace stowage::model_deployment
