#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace stowage::kube {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kMergePatchType = "application/merge-patch+json";
inline constexpr std::string_view kStrategicPatchType = "application/strategic-merge-patch+json";
inline constexpr std::string_view kApplyPatchType = "application/apply-patch+yaml";

/// RFC 7386 on JSON texts: what a server will store for `patch` on `target`.
/// Errors: kMalformed when either is not JSON or is too deep.
Result<std::string> merge_patch(std::string_view target, std::string_view patch);

/// {"metadata":{"finalizers":[...],"resourceVersion":"..."}}: a merge patch that replaces the finalizers and
/// fails with kConflict when somebody else wrote in between (a merge patch replaces lists whole).
std::string finalizers_patch(const std::vector<std::string>& finalizers, std::string_view resource_version);

/// {"metadata":{"annotations":{...}}} as a merge patch; keys in `remove` are taken away.
std::string annotations_patch(const std::vector<std::pair<std::string, std::string>>& set,
                              const std::vector<std::string>& remove = {});

}  // namespace stowage::kube
