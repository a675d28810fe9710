#include "api/core/resources.h"

namespace stowage::api {

void read_resources(JsonValue value, ResourceList& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    const bool cpu = key == "cpu";
    int64_t excess = 0;
    out.insert_or_assign(std::string(key), item.quantity(cpu, &excess));
    if (excess != 0) out.excess.push_back({.name = std::string(key), .nano = excess});
  });
}

}  // namespace stowage::api
