#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"

namespace stowage::model_deployment {

/// Merges `overlay`, spec.podTemplate as a user wrote it, over the generated pod template `base`.
///
/// Objects merge key by key; containers, init containers, volumes and variables by name, mounts by path,
/// tolerations by appending; every other list is replaced. `resource` is the accelerator's: its count belongs
/// to spec.accelerator. Error (kInvalidArgument): the first thing that is not permitted, as
/// "podTemplate.spec.volumes[0].hostPath: ...".
Result<void> merge_pod_template(nlohmann::json& base, const nlohmann::json& overlay,
                                const std::string& resource);

}  // namespace stowage::model_deployment
