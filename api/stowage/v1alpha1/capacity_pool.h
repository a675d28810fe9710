#pragma once

#include <string>
#include <string_view>

#include "api/meta.h"
#include "base/result.h"

/// CapacityPool of stowage.dev/v1alpha1; fields are described in crds/capacitypools.yaml.
namespace stowage::api {

struct CapacityPoolSpec {
  std::string type;  ///< Reserved, OnDemand or Spot.
  StringMap node_selector;
  bool operator==(const CapacityPoolSpec&) const = default;
};

struct CapacityPool {
  ObjectMeta meta;
  CapacityPoolSpec spec;
};

/// One JSON object. Errors: kMalformed, naming the path.
Result<CapacityPool> decode_capacity_pool(std::string_view json);

}  // namespace stowage::api
