#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {

/// The objects of a manifest: one JSON document, or YAML documents split at lines that begin with "---"; a
/// List (`kubectl get -o yaml`) stands for its items. Empty documents are skipped.
/// Error: kInvalidArgument, "line: sentence"; the line of the mistake, or the one on which its document
/// begins.
Result<std::vector<nlohmann::json>> read_manifests(std::string_view text, const InputLimits& limits = {});

}  // namespace stowage::sandbox
