#pragma once

#include <string_view>

#include "sandbox/apiserver/api_error.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox {

/// Reads a body of type application/vnd.kubernetes.protobuf: the magic number, runtime.Unknown, and in it an
/// object of a built-in kind, by the field numbers of the built-in table.
///
/// Result: the tree that the same object has in JSON, with apiVersion and kind. Scalars that are zero are
/// left out unless Go keeps the field as a pointer, as Go's own JSON encoder does.
/// Errors: 400 for malformed bytes, too deep nesting or too many values; 415 for kinds that have no protobuf
/// form here (custom resources have none anywhere).
/// Format: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
Answer<Json> decode_protobuf(std::string_view body, const Builtins& builtins, const InputLimits& limits = {});

}  // namespace stowage::sandbox
