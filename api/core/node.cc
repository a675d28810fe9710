#include "api/core/node.h"

#include "api/core/json_walk.h"
#include "api/core/resources.h"

namespace stowage::api {

void read(JsonValue value, Taint& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "key") return read(item, out.key);
    if (key == "value") return read(item, out.value);
    if (key == "effect") return read(item, out.effect);
  });
}

namespace {

void read_spec(JsonValue value, Node& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "unschedulable") return read(item, out.unschedulable);
    if (key == "taints") return read(item, out.taints);
  });
}

void read_status(JsonValue value, Node& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "allocatable") return read_resources(item, out.allocatable);
    if (key == "declaredFeatures") return read(item, out.features);
    if (key != "conditions") return;
    std::vector<Condition> conditions;
    read(item, conditions);
    for (const Condition& condition : conditions) {
      if (condition.type == "Ready") out.ready = condition.status == "True";
    }
  });
}

}  // namespace

Result<Node> decode_node(std::string_view json) {
  Node out;
  TRY_VOID(read_json(json, [&out](JsonValue root) {
    root.object([&out](std::string_view key, JsonValue item) {
      if (key == "metadata") return read(item, out.meta);
      if (key == "spec") return read_spec(item, out);
      if (key == "status") return read_status(item, out);
    });
  }));
  return out;
}

}  // namespace stowage::api
