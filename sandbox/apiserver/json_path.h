#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {

/// Value at ".spec.replicas" (plain members only), or nullptr.
const Json* json_pointer_like(const Json& object, std::string_view path);
/// Sets the value there, making objects on the way.
void set_json_pointer_like(Json& object, std::string_view path, Json value);

/// What a JSONPath of printer columns selects: members, ['quoted'], [index], [*], [?(@.type=="Ready")],
/// ".."-free. Anything it cannot read selects nothing. Pointers live as long as `object`.
std::vector<const Json*> json_path(const Json& object, std::string_view path);

}  // namespace stowage::sandbox
