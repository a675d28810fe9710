#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/apiserver/api_error.h"

namespace stowage::sandbox {

using Json = nlohmann::json;

/// Bounds on what a client may send.
struct InputLimits {
  size_t bytes = size_t{3} << 20;  ///< As kube-apiserver's own limit of 3 MiB.
  int depth = 256;                 ///< Nesting; bounds recursion everywhere behind the parser.
  size_t nodes = 400'000;          ///< Values in one document; YAML aliases count each time they are used.
};

/// A document, and the paths of keys that were given twice ("spec.replicas").
struct Parsed;

/// Parses JSON. Errors: 400 naming the position, 413 over the size limit.
Answer<Parsed> parse_json(std::string_view text, const InputLimits& limits = {});
/// Parses one YAML document with the core schema (unquoted true, 1 and null are not strings); JSON is YAML
/// too.
Answer<Parsed> parse_yaml(std::string_view text, const InputLimits& limits = {});

/// Reads text that dump() wrote; a discarded value if it did not.
Json parse_stored(std::string_view text);

/// Compact text; bytes that are not UTF-8 are replaced.
std::string dump(const Json& value);
/// The same of an object, without its members apiVersion and kind.
std::string dump_untyped(const Json& object);
/// A value whose text is known: dump() writes it as it stands, nothing else can look into it.
Json raw_json(std::string_view text);
/// Appends a JSON string, quoted.
void write_json_string(std::string& out, std::string_view text);

/// Member of an object, or nullptr when it is absent or `value` is no object.
const Json* find(const Json& value, std::string_view key);
/// Follows keys through objects; nullptr as soon as one is missing.
const Json* find_path(const Json& value, std::initializer_list<std::string_view> keys);
/// String at the path, or empty.
std::string string_at(const Json& value, std::initializer_list<std::string_view> keys);

}  // namespace stowage::sandbox
