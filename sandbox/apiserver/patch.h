#pragma once

#include "sandbox/apiserver/api_error.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox {

/// RFC 7396: null removes, objects merge, everything else replaces.
Json merge_patch(const Json& original, const Json& patch);

/// RFC 6902. `patch` must be an array of at most 10,000 operations (kube-apiserver's limit). Null changes
/// nothing. Errors: 400 when the document is no patch, 422 when an operation cannot be applied, a test fails,
/// or copies make the result too large, 413 beyond the limit.
Answer<Json> json_patch(const Json& original, const Json& patch);

/// Kubernetes strategic merge patch with the merge keys of the built-in types. Understands $patch (replace,
/// delete, merge), $deleteFromPrimitiveList/x, $setElementOrder/x and $retainKeys. Error: 400 for a malformed
/// patch.
Answer<Json> strategic_merge_patch(const Json& original, const Json& patch, const Schema& schema);

}  // namespace stowage::sandbox
