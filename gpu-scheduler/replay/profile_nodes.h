#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/node_spec.h"

namespace stowage::replay {

/// The nodes with numbers [first, first + count) of a node profile (sandbox/profiles/README.md), as the
/// scheduler would see them: labels, taints, allocatable amounts, whole devices. `folder` holds the profiles;
/// empty: where the program finds them by itself. Errors: kInvalidArgument, naming the profile's file.
Result<std::vector<engine::NodeSpec>> nodes_of_profile(const std::string& folder, const std::string& profile,
                                                       int64_t first, int64_t count);

}  // namespace stowage::replay
