#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/apiserver/api_error.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox {

/// Reads `value` as a built-in type: drops nulls and unknown fields (their paths go to `unknown`, as in
/// `spec.containers[0].imagee`), writes quantities and times in their canonical form.
/// Optional lists and maps that are empty are left out, unless `keep_empty` asks for them (an applied
/// configuration owns the empty map that it names).
/// Error: 400 in kube's words when a value has the wrong type. `kind` and `version` are for that sentence;
/// without a kind it is what Go's decoder says alone.
Answer<void> coerce_builtin(Json& value, const Schema& schema, std::string_view kind,
                            std::string_view version, std::vector<std::string>& unknown,
                            bool keep_empty = false);

/// The canonical text of a quantity as apimachinery writes it: "1000m" -> "1", "1024Mi" -> "1Gi", "0.5" ->
/// "500m". Error: 400 when it is no quantity.
Answer<std::string> canonical_quantity(std::string_view text);

/// True if `text` is standard base64 with padding.
bool is_base64(std::string_view text);
std::string base64_encode(std::string_view bytes);
/// Empty when malformed.
std::string base64_decode(std::string_view text);

}  // namespace stowage::sandbox
