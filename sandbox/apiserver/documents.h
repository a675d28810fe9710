#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sandbox/apiserver/core.h"

namespace stowage::sandbox {

/// Paths that are not resources: /version, /healthz, discovery, OpenAPI. Nothing when the path is none of
/// them.
std::optional<Answer<Response>> serve_document(const Core& core, const Call& call,
                                               const std::vector<std::string>& path);

// openapi.cc
/// The index of /openapi/v3.
Json openapi_index(const Core& core);
/// The document of one group-version ("" and "v1" for the core), or nullopt.
std::optional<Json> openapi_document(const Core& core, std::string_view group, std::string_view version);

}  // namespace stowage::sandbox
