#pragma once

#include <string_view>

#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {

/// Adds to a schema of an OpenAPI document what Kubernetes says of a built-in type ("core.v1.Pod") or a field
/// of it
/// ("core.v1.Pod.spec"): its description and its possible values. Nothing is added where nothing is said.
void add_prose(std::string_view name, Json& schema);

}  // namespace stowage::sandbox
