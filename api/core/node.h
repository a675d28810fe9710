#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/core/pod.h"
#include "api/meta.h"
#include "base/result.h"

namespace stowage::api {

struct Taint {
  std::string key;
  std::string value;
  std::string effect;
  bool operator==(const Taint&) const = default;
};

/// The part of core/v1 Node that placement reads.
struct Node {
  ObjectMeta meta;
  bool unschedulable = false;
  std::vector<Taint> taints;
  ResourceList allocatable;
  std::vector<std::string> features;  ///< status.declaredFeatures.
  bool ready = false;                 ///< Condition Ready is True.
};

/// One JSON object. Errors: kMalformed, naming the path.
Result<Node> decode_node(std::string_view json);

}  // namespace stowage::api
