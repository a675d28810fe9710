#pragma once

#include <optional>
#include <string_view>

#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {

/// The tree of a well-formed document without anything odd, by simdjson. Nothing when there is something to
/// say about it (malformed, too deep, too many values, a key given twice, half of a surrogate pair) or when
/// it is large: parse_json() then reads it again and finds the words.
std::optional<Json> parse_fast(std::string_view text, const InputLimits& limits);

}  // namespace stowage::sandbox
