#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/stowage/v1alpha1/model_deployment.h"
#include "api/stowage/v1alpha1/model_runtime.h"
#include "base/result.h"
#include "controllers/model_deployment/shape.h"

namespace stowage::model_deployment {

/// Values of `{{name}}` in commands, arguments and variables.
using Placeholders = std::map<std::string, std::string, std::less<>>;

/// Where a model comes from, as an engine is told.
struct ModelPath {
  std::string path;        ///< What engines call the model: "org/name" or a path in the container.
  std::string repository;  ///< hf:// only.
  std::string file;        ///< pvc:// only.
  std::string claim;       ///< pvc:// only.
};

/// Error (kUnsupported): a scheme that is not loaded yet.
Result<ModelPath> resolve_model(const std::string& uri);

/// Everything but what differs from pod to pod: {{rank}} and {{leader.address}} stay as they are and are
/// replaced when a pod is made.
Placeholders placeholders(const api::ModelDeployment& deployment, const api::ModelRuntime& runtime,
                          const Shape& shape, const ModelPath& model);

/// `text` with its placeholders replaced. `empty` is set when one of them has no value here.
/// Error (kInvalidArgument): an unknown placeholder, naming it.
Result<std::string> substitute(std::string_view text, const Placeholders& values, bool& empty);

/// Each argument substituted; those with a placeholder that is empty are left out.
Result<std::vector<std::string>> substitute_all(const std::vector<std::string>& texts,
                                                const Placeholders& values);

}  // namespace stowage::model_deployment
