#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace YAML {
class Node;
}

namespace stowage::kube {

inline constexpr size_t kMaxYamlDepth = 32;
inline constexpr size_t kMaxYamlBytes = size_t{4} << 20;

/// Reads one YAML document that was written by a person or a tool we do not control: no aliases (they can
/// blow up a small file), at most kMaxYamlDepth levels and kMaxYamlBytes.
/// `file` names it in messages. Errors: kInvalidArgument "file:line: what is wrong".
Result<YAML::Node> load_yaml(std::string_view text, std::string_view file);

/// "file:line" of a node, for messages.
std::string yaml_place(const YAML::Node& node, std::string_view file);

}  // namespace stowage::kube
