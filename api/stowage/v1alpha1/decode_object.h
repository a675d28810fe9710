#pragma once

#include <string_view>

#include "api/core/json_walk.h"

namespace stowage::api {

/// The metadata of an object, and its spec for `spec(JsonValue)`; what else it holds is left out.
template <class Spec>
Result<void> read_meta_and_spec(std::string_view json, ObjectMeta& meta, Spec&& spec) {
  return read_json(json, [&](JsonValue root) {
    root.object([&](std::string_view key, JsonValue field) {
      if (key == "metadata") return read(field, meta);
      if (key == "spec") return spec(field);
    });
  });
}

}  // namespace stowage::api
