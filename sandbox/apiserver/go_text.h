#pragma once

#include <string>
#include <string_view>

#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {

/// `text` as Go's %q writes it: quoted, with what cannot be printed escaped.
std::string go_quote(std::string_view text);

/// `value` as Go's %v writes a decoded document: map[a:1 b:[x y]], nothing quoted, null as <nil>.
std::string go_value(const Json& value);

/// Go's word for the type of a JSON value: object, array, string, number, bool, null.
std::string_view json_word(const Json& value);

/// What Go's time.Parse says about a text that is no RFC 3339 time; `layout` is what it was to look like.
std::string go_time_problem(std::string_view text, std::string_view layout = "2006-01-02T15:04:05Z07:00");

/// `text` with what Go's JSON decoder reads as U+FFFD put in its place: bytes that are no UTF-8, and escapes
/// of half a surrogate pair.
std::string go_json_text(std::string_view text);

}  // namespace stowage::sandbox
