#include "api/core/resources.h"

namespace stowage::api {

void read_resources(JsonValue value, ResourceList& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    out.insert_or_assign(std::string(key), item.quantity(key == "cpu"));
  });
}

}  // namespace stowage::api
