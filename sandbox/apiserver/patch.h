#pragma once

#include "sandbox/apiserver/api_error.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox {

/// RFC 7396: null removes, objects merge, everything else replaces. Error: 400 when `patch` is no object.
Answer<Json> merge_patch(const Json& original, const Json& patch);

/// RFC 6902. `patch` must be an array of at most 10,000 operations (kube-apiserver's limit). Null changes
/// nothing. Errors: 400 when the document is no patch, 422 when an operation cannot be applied, a test fails,
/// or copies make the result too large, 413 beyond the limit.
/// As Go's json-patch does it: negative indices count from the end, a missing member of an object reads as
/// null and may be replaced.
Answer<Json> json_patch(const Json& original, const Json& patch);

/// Kubernetes strategic merge patch with the merge keys of the built-in types. Understands $patch (replace,
/// delete), $deleteFromPrimitiveList/x, $setElementOrder/x and $retainKeys; null changes nothing. Errors:
/// 400, 422 or 500 without a reason for a malformed patch, as kube-apiserver has it.
Answer<Json> strategic_merge_patch(const Json& original, const Json& patch, const Schema& schema);

/// What Go says when it puts `value` into a struct of the built-in type `schema`; empty when it fits.
/// Order and words: apimachinery's runtime.DefaultUnstructuredConverter.
std::string restore_problem(const Json& value, const Schema& schema);

}  // namespace stowage::sandbox
