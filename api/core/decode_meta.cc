#include <limits>

#include "api/core/json_walk.h"

namespace stowage::api {

void read(JsonValue value, std::string& out) {
  if (!value.is_null()) out = value.text();
}

void read(JsonValue value, bool& out) {
  if (!value.is_null()) out = value.boolean();
}

void read(JsonValue value, int64_t& out) {
  if (!value.is_null()) out = value.integer();
}

void read(JsonValue value, int32_t& out) {
  if (value.is_null()) return;
  const int64_t wide = value.integer();
  if (wide < std::numeric_limits<int32_t>::min() || wide > std::numeric_limits<int32_t>::max())
    return value.fail("the number does not fit 32 bits");
  out = static_cast<int32_t>(wide);
}

void read(JsonValue value, WallTime& out) {
  if (!value.is_null()) out = value.time();
}

void read(JsonValue value, StringMap& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    std::string text;
    read(item, text);
    out.insert_or_assign(std::string(key), std::move(text));
  });
}

void read(JsonValue value, OwnerReference& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "apiVersion") return read(item, out.api_version);
    if (key == "kind") return read(item, out.kind);
    if (key == "name") return read(item, out.name);
    if (key == "uid") return read(item, out.uid);
    if (key == "controller") return read(item, out.controller);
  });
}

void read(JsonValue value, Condition& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "type") return read(item, out.type);
    if (key == "status") return read(item, out.status);
    if (key == "reason") return read(item, out.reason);
    if (key == "message") return read(item, out.message);
    if (key == "observedGeneration") return read(item, out.observed_generation);
    if (key == "lastTransitionTime") return read(item, out.last_transition);
  });
}

void read(JsonValue value, ObjectMeta& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "name") return read(item, out.name);
    if (key == "namespace") return read(item, out.ns);
    if (key == "uid") return read(item, out.uid);
    if (key == "resourceVersion") return read(item, out.resource_version);
    if (key == "generation") return read(item, out.generation);
    if (key == "creationTimestamp") return read(item, out.created);
    if (key == "deletionTimestamp") return read(item, out.deleted);
    if (key == "labels") return read(item, out.labels);
    if (key == "annotations") return read(item, out.annotations);
    if (key == "ownerReferences") return read(item, out.owners);
    if (key == "finalizers") return read(item, out.finalizers);
  });
}

}  // namespace stowage::api
