#pragma once

#include <compare>
#include <optional>
#include <string_view>

namespace stowage::kube {

/// Order of two resourceVersions of ONE resource type: decimal numbers of any length, never parsed into a
/// fixed width. nullopt when one of them is not a decimal number (then only equality means anything).
std::optional<std::strong_ordering> compare_resource_versions(std::string_view a, std::string_view b);

/// True when `have` is the same as `want` or later. False for what cannot be compared, and for an empty
/// `have`.
bool resource_version_at_least(std::string_view have, std::string_view want);

}  // namespace stowage::kube
