#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "sandbox/apiserver/custom/constraints.h"
#include "sandbox/apiserver/json_io.h"

// What an openAPIV3Schema may say. Rules, their order and words: apiextensions-apiserver,
// pkg/apis/apiextensions/validation (ValidateCustomResourceDefinitionOpenAPISchema) and pkg/apiserver/schema
// (validateStructuralInvariants).

namespace stowage::sandbox {
namespace {

enum class Level { kRoot, kField, kItem };

class Checker {
 public:
  explicit Checker(std::vector<Cause>& causes) : causes_(causes) {}

  void words(const Json& schema, const std::string& path) {
    if (!schema.is_object()) return;
    unsupported(schema, path);
    if (schema.value("uniqueItems", false))
      forbid(path + ".uniqueItems",
             "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
    const Json* properties = find(schema, "properties");
    const bool has_properties = properties != nullptr && properties->is_object() && !properties->empty();
    if (const Json* extra = find(schema, "additionalProperties")) {
      if (has_properties && *extra != Json(true))
        forbid(path + ".additionalProperties", "additionalProperties and properties are mutual exclusive");
      words(*extra, path + ".additionalProperties");
    }
    if (has_properties) {
      for (const auto& [name, value] : properties->items())
        words(value, fmt::format("{}.properties[{}]", path, name));
    }
    if (const Json* negated = find(schema, "not")) words(*negated, path + ".not");
    for (const char* key : {"allOf", "oneOf", "anyOf"}) {
      const Json* list = find(schema, key);
      for (size_t i = 0; list != nullptr && list->is_array() && i < list->size(); ++i)
        words((*list)[i], fmt::format("{}.{}[{}]", path, key, i));
    }
    if (const Json* items = find(schema, "items")) words(*items, path + ".items");
    maps_and_lists(schema, path);
  }

  /// Only what the structure of values is made of, not what value validations say inside allOf and the like.
  void structure(const Json& schema, const std::string& path, Level level) {
    if (!schema.is_object() || !structural_) return;
    const std::string type = string_at(schema, {"type"});
    if (type == "array" && !schema.contains("items")) require(path + ".items", "must be specified");
    if (const Json* items = find(schema, "items")) structure(*items, path + ".items", Level::kItem);
    if (const Json* properties = find(schema, "properties");
        properties != nullptr && properties->is_object()) {
      for (const auto& [name, value] : properties->items())
        structure(value, fmt::format("{}.properties[{}]", path, name), Level::kField);
    }
    if (const Json* extra = find(schema, "additionalProperties")) {
      if (level == Level::kRoot) forbid(path + ".additionalProperties", "must not be used at the root");
      structure(*extra, path + ".additionalProperties", Level::kField);
    }
    types(schema, type, path, level);
  }

 private:
  void require(const std::string& field, const std::string& why) {
    causes_.push_back({"FieldValueRequired", "Required value: " + why, field});
  }
  void forbid(const std::string& field, const std::string& why) {
    causes_.push_back({"FieldValueForbidden", "Forbidden: " + why, field});
  }
  void refuse(const std::string& field, const Json& value, const std::string& why) {
    causes_.push_back({"FieldValueInvalid", fmt::format("Invalid value: {}: {}", dump(value), why), field});
  }

  void unsupported(const Json& schema, const std::string& path) {
    const std::string type = string_at(schema, {"type"});
    static const std::set<std::string> types = {"array", "boolean", "integer", "number", "object", "string"};
    if (!type.empty() && !types.contains(type)) {
      causes_.push_back({"FieldValueNotSupported",
                         fmt::format("Unsupported value: {}: supported values: \"array\", \"boolean\", "
                                     "\"integer\", \"number\", \"object\", \"string\"",
                                     dump(Json(type))),
                         path + ".type"});
    }
    for (const char* word :
         {"id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"}) {
      if (!schema.contains(word)) continue;
      forbid(path + "." + word, fmt::format("{} is not supported", word));
      structural_ = false;
    }
    if (const Json* items = find(schema, "items"); items != nullptr && items->is_array())
      forbid(path + ".items", "items must be a schema object and not an array");
  }

  void of_type(const Json& schema, const char* word, const std::string& wanted, const std::string& path) {
    const std::string type = string_at(schema, {"type"});
    if (!schema.contains(word) || type == wanted) return;
    const std::string why = fmt::format("must be {} if {} is specified", wanted, word);
    if (type.empty()) {
      require(path + ".type", why);
    } else {
      refuse(path + ".type", type, why);
    }
  }

  void maps_and_lists(const Json& schema, const std::string& path) {
    if (const Json* keep = find(schema, "x-kubernetes-preserve-unknown-fields");
        keep != nullptr && *keep == false)
      refuse(path + ".x-kubernetes-preserve-unknown-fields", *keep, "must be true or undefined");
    of_type(schema, "x-kubernetes-map-type", "object", path);
    const std::string map_type = string_at(schema, {"x-kubernetes-map-type"});
    if (!map_type.empty() && map_type != "atomic" && map_type != "granular")
      unknown(path + ".x-kubernetes-map-type", map_type, R"("atomic", "granular")");
    of_type(schema, "x-kubernetes-list-type", "array", path);
    const std::string list_type = string_at(schema, {"x-kubernetes-list-type"});
    if (!list_type.empty() && list_type != "atomic" && list_type != "set" && list_type != "map")
      unknown(path + ".x-kubernetes-list-type", list_type, R"("atomic", "set", "map")");
    keyed(schema, list_type, path);
  }

  void unknown(const std::string& field, const std::string& value, const char* supported) {
    causes_.push_back(
        {"FieldValueNotSupported",
         fmt::format("Unsupported value: {}: supported values: {}", dump(Json(value)), supported), field});
  }

  void keyed(const Json& schema, const std::string& list_type, const std::string& path) {
    const Json* keys = find(schema, "x-kubernetes-list-map-keys");
    const bool has_keys = keys != nullptr && keys->is_array() && !keys->empty();
    const std::string type_field = path + ".x-kubernetes-list-type";
    const std::string keys_field = path + ".x-kubernetes-list-map-keys";
    if (has_keys && list_type.empty())
      require(type_field, "must be map if x-kubernetes-list-map-keys is non-empty");
    if (has_keys && !list_type.empty() && list_type != "map")
      refuse(type_field, list_type, "must be map if x-kubernetes-list-map-keys is non-empty");
    if (list_type != "map") return;
    if (!has_keys) require(keys_field, "must not be empty if x-kubernetes-list-type is map");
    const Json* items = find(schema, "items");
    if (items == nullptr)
      return require(path + ".items", "must have a schema if x-kubernetes-list-type is map");
    const std::string type = string_at(*items, {"type"});
    if (type != "object")
      return refuse(path + ".items.type", type,
                    "must be object if parent array's x-kubernetes-list-type is map");
    if (has_keys) key_names(*keys, *items, path);
  }

  void key_names(const Json& keys, const Json& items, const std::string& path) {
    const std::string field = path + ".x-kubernetes-list-map-keys";
    std::set<std::string> seen;
    for (const Json& key : keys) {
      const std::string name = key.is_string() ? key.get<std::string>() : std::string();
      const Json* property = find_path(items, {"properties", name});
      const std::string type = property == nullptr ? "" : string_at(*property, {"type"});
      if (property == nullptr) {
        refuse(field, keys, "entries must all be names of item properties");
      } else if (type == "array" || type == "object") {
        refuse(fmt::format("{}.items.properties[{}].type", path, name), string_at(items, {"type"}),
               "must be a scalar type if parent array's x-kubernetes-list-type is map");
      }
      if (!seen.insert(name).second) refuse(field, keys, "must not contain duplicate entries");
    }
  }

  void types(const Json& schema, const std::string& type, const std::string& path, Level level) {
    const bool embedded = schema.value("x-kubernetes-embedded-resource", false);
    const bool free = schema.value("x-kubernetes-int-or-string", false) ||
                      schema.value("x-kubernetes-preserve-unknown-fields", false);
    const std::string field = path + ".type";
    constexpr const char* kEmbedded = "must be object if x-kubernetes-embedded-resource is true";
    if (embedded && type != "object") {
      if (type.empty()) {
        require(field, kEmbedded);
      } else {
        refuse(field, type, kEmbedded);
      }
    } else if (type.empty() && !free) {
      require(field, level == Level::kRoot   ? "must not be empty at the root"
                     : level == Level::kItem ? "must not be empty for specified array items"
                                             : "must not be empty for specified object fields");
    }
    if (embedded && schema.contains("additionalProperties"))
      forbid(path + ".additionalProperties", "must not be used if x-kubernetes-embedded-resource is set");
    if (level == Level::kRoot && !type.empty() && type != "object")
      refuse(field, type, "must be object at the root");
  }

  std::vector<Cause>& causes_;
  bool structural_ = true;  ///< A schema with words that are not supported has no structure to speak of.
};

}  // namespace

void check_schema(const Json& schema, const std::string& path, std::vector<Cause>& causes) {
  Checker checker(causes);
  checker.words(schema, path);
  checker.structure(schema, path, Level::kRoot);
}

}  // namespace stowage::sandbox
