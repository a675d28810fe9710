#pragma once

#include <optional>
#include <set>
#include <string>

#include "controllers/model_deployment/reconciler.h"

namespace stowage::model_deployment {

/// What one reconcile knows and has decided; lives in the coroutine's frame.
struct Reconciler::Pass {
  std::string key;
  Observed observed;
  api::ModelDeploymentStatus before;  ///< Never older than our own last write.
  std::string version;                ///< resourceVersion at which the status was `before`.
  std::set<std::string, std::less<>> lost_nodes;
  std::string revision;                ///< The one to roll out; empty when none could be made.
  std::optional<Issue> issue;          ///< Of the spec, or of what the API server refused.
  std::string runtime_drift;           ///< See StatusInput.
  std::optional<Millis> status_again;  ///< When figures that were held back are written.
  bool name_taken = false;             ///< A Service that is not ours stands where ours should.
  World world;
  Plan plan;

  [[nodiscard]] const api::ModelDeployment& deployment() const { return *observed.deployment; }
};

}  // namespace stowage::model_deployment
