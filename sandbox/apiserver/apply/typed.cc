#include "sandbox/apiserver/apply/typed.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "sandbox/apiserver/apply/field_set.h"
#include "sandbox/apiserver/apply/shape.h"
#include "sandbox/apiserver/go_text.h"
#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {
namespace {

/// Go's %#v of a decoded value.
std::string go_syntax(const Json& value) {
  if (value.is_string()) return go_quote(value.get_ref<const std::string&>());
  if (value.is_null()) return "interface {}(nil)";
  if (!value.is_structured()) return dump(value);
  std::string out;
  for (const auto& [key, member] : value.items()) {
    if (!out.empty()) out += ", ";
    if (value.is_object()) out += go_quote(key) + ":";
    out += go_syntax(member);
  }
  return fmt::format("{}{{{}}}", value.is_object() ? "map[string]interface {}" : "[]interface {}", out);
}

std::string_view go_type(const Json& value) {
  if (value.is_object()) return "map[string]interface {}";
  if (value.is_array()) return "[]interface {}";
  return value.is_string() ? "string" : value.is_boolean() ? "bool" : "float64";
}

class Walker {
 public:
  void walk(const Json& value, const Schema& schema, const std::string& path, bool root) {
    if (value.is_null()) return;
    switch (schema.type) {
      case Type::kObject:
        return object(value, schema, path, root || schema.embedded);
      case Type::kArray:
        return array(value, schema, path);
      case Type::kString:
      case Type::kTime:
      case Type::kMicroTime:
      case Type::kBytes:
        if (!value.is_string())
          tell(path,
               fmt::format("expected string, got &value.valueUnstructured{{Value:{}}}", go_syntax(value)));
        return;
      case Type::kInt32:
      case Type::kInt64:
      case Type::kDouble:
        if (!value.is_number())
          tell(path, fmt::format("expected numeric (int or float), got {}", go_type(value)));
        return;
      case Type::kBool:
        if (!value.is_boolean()) tell(path, fmt::format("expected boolean, got &{{{}}}", go_value(value)));
        return;
      case Type::kQuantity:
      case Type::kIntOrString:
        if (value.is_structured())
          tell(path, fmt::format("expected any scalar, got &{{{}}}", go_value(value)));
        return;
      default:
        return;
    }
  }

  [[nodiscard]] std::string text() const {
    if (told_.size() <= 1) return told_.empty() ? std::string() : told_.front();
    std::string out = "errors:";
    for (const std::string& one : told_)
      out += "\n  " + one;
    return out;
  }

 private:
  static constexpr size_t kMost = 100;

  void tell(const std::string& path, const std::string& why) {
    if (told_.size() < kMost) told_.push_back(path.empty() ? why : path + ": " + why);
  }

  void object(const Json& value, const Schema& schema, const std::string& path, bool with_kind) {
    if (!value.is_object()) return tell(path, fmt::format("expected map, got &{{{}}}", go_value(value)));
    if (schema.fields.empty() && schema.additional == nullptr) return;
    for (const auto& [key, member] : value.items()) {
      if (with_kind && (key == "apiVersion" || key == "kind")) continue;
      const Field* field = schema.field(key);
      const Schema* type = field != nullptr ? field->schema : schema.additional;
      const std::string below = path + "." + key;
      if (type != nullptr) {
        walk(member, *type, below, false);
      } else if (!schema.preserve_unknown) {
        return tell(below, "field not declared in schema");
      }
    }
  }

  void array(const Json& value, const Schema& schema, const std::string& path) {
    if (!value.is_array()) return tell(path, fmt::format("expected list, got &{{{}}}", go_value(value)));
    if (schema.items == nullptr) return;
    std::set<std::string> seen;
    for (size_t i = 0; i < value.size(); ++i) {
      std::string shown = fmt::format("[{}]", i);
      if (associative(schema)) {
        const std::string element = item_element(schema, value[i]);
        // Keys of built-in types have a default.
        if (element.empty() && !schema.items->type_name.empty()) continue;
        if (element.empty()) {
          return tell(
              path, fmt::format("element {}: associative list with keys has an element that omits key field "
                                "{} (and doesn't have default value)",
                                i, schema.list_keys.empty() ? "" : go_quote(schema.list_keys.front())));
        }
        FieldSet one;
        one.children[element].member = true;
        shown = one.paths().front();
        if (!seen.insert(element).second) tell(path, "duplicate entries for key " + shown);
      }
      walk(value[i], *schema.items, path + shown, false);
    }
  }

  std::vector<std::string> told_;
};

}  // namespace

std::string typed_problem(const Json& applied, const Schema& schema) {
  Walker walker;
  walker.walk(applied, schema, "", true);
  return walker.text();
}

}  // namespace stowage::sandbox
