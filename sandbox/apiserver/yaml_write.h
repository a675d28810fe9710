#pragma once

#include <string>

#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {

/// The value as one YAML document in block style, keys sorted, lists not indented below their key: the layout
/// that kube-apiserver writes. Strings that another reader could take for something else are quoted.
std::string to_yaml(const Json& value);

}  // namespace stowage::sandbox
