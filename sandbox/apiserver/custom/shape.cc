#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sandbox/apiserver/core.h"

// Pruning and defaulting of custom objects, by the rules of structural schemas.

namespace stowage::sandbox {
namespace {

bool system_field(const std::string& key) {
  return key == "apiVersion" || key == "kind" || key == "metadata";
}

void prune(Json& value, const Schema& schema, const std::string& path, bool root,
           std::vector<std::string>& unknown) {
  if (value.is_array() && schema.items != nullptr) {
    for (size_t i = 0; i < value.size(); ++i)
      prune(value[i], *schema.items, fmt::format("{}[{}]", path, i), false, unknown);
    return;
  }
  if (!value.is_object()) return;
  for (auto it = value.begin(); it != value.end();) {
    const std::string below = path.empty() ? it.key() : path + "." + it.key();
    if ((root || schema.embedded) && system_field(it.key())) {
      ++it;
      continue;
    }
    const Field* field = schema.field(it.key());
    const Schema* type = field != nullptr ? field->schema : schema.additional;
    if (type == nullptr && !schema.preserve_unknown && schema.type == Type::kObject) {
      unknown.push_back(below);
      it = value.erase(it);
      continue;
    }
    if (type != nullptr) prune(*it, *type, below, false, unknown);
    ++it;
  }
}

void add_defaults(Json& value, const Schema& schema) {
  if (value.is_array() && schema.items != nullptr) {
    for (Json& item : value)
      add_defaults(item, *schema.items);
    return;
  }
  if (!value.is_object()) return;
  for (const auto& [name, field] : schema.fields) {
    const auto it = value.find(name);
    const bool missing = it == value.end() || (it->is_null() && !field.schema->nullable);
    if (missing && field.default_value) value[name] = *field.default_value;
  }
  for (auto it = value.begin(); it != value.end(); ++it) {
    const Field* field = schema.field(it.key());
    const Schema* type = field != nullptr ? field->schema : schema.additional;
    if (type != nullptr) add_defaults(*it, *type);
  }
}

}  // namespace

void shape_custom(const Resource& resource, Json& object, std::vector<std::string>& unknown, bool defaults) {
  Json metadata = object.contains("metadata") ? std::move(object["metadata"]) : Json::object();
  object.erase("metadata");
  prune(object, *resource.schema, "", true, unknown);
  if (defaults) add_defaults(object, *resource.schema);
  object["metadata"] = std::move(metadata);
}

}  // namespace stowage::sandbox
