#include "api/stowage/v1alpha1/capacity_pool.h"

#include "api/core/json_walk.h"

namespace stowage::api {
namespace {

void read(JsonValue value, CapacityPoolSpec& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "type") read(field, out.type);
    if (key == "nodeSelector") read(field, out.node_selector);
  });
}

}  // namespace

Result<CapacityPool> decode_capacity_pool(std::string_view json) {
  CapacityPool out;
  TRY_VOID(read_json(json, [&](JsonValue root) {
    root.object([&](std::string_view key, JsonValue field) {
      if (key == "metadata") read(field, out.meta);
      if (key == "spec") read(field, out.spec);
    });
  }));
  return out;
}

}  // namespace stowage::api
