#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/coerce.h"
#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/custom/constraints.h"
#include "sandbox/apiserver/json_path.h"
#include "sandbox/apiserver/regex.h"

namespace stowage::sandbox {
namespace {

constexpr size_t kMaxCauses = 100;
/// Steps of matching patterns for one object: seconds at worst. A megabyte of text and a usual pattern take a
/// tenth of it.
constexpr int64_t kMostSteps = 1'000'000'000;

bool whole(const Json& value) {
  return value.is_number_integer() ||
         (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
}

bool has_type(const Json& value, Type type) {
  switch (type) {
    case Type::kObject:
      return value.is_object();
    case Type::kArray:
      return value.is_array();
    case Type::kString:
      return value.is_string();
    case Type::kBool:
      return value.is_boolean();
    case Type::kInt32:
    case Type::kInt64:
      return whole(value);
    case Type::kDouble:
      return value.is_number();
    case Type::kIntOrString:
      return value.is_string() || whole(value);
    default:
      return true;
  }
}

std::string json_word(const Json& value) {
  if (value.is_number()) return value.is_number_integer() ? "integer" : "number";
  return value.type_name();
}

size_t code_points(const std::string& s) {
  return static_cast<size_t>(std::count_if(
      s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

class Validator {
 public:
  Validator(std::vector<Cause>& causes, int64_t& steps) : causes_(causes), steps_(steps) {}

  void check(const Json& value, const Schema& schema, const std::string& path, bool root = false) {
    if (causes_.size() >= kMaxCauses) return;
    if (value.is_null() && schema.nullable) return;
    if (!has_type(value, schema.type) || (value.is_null() && schema.type == Type::kIntOrString)) {
      const std::string word = schema.type == Type::kIntOrString ? "integer,string" : type_word(schema.type);
      add("FieldValueTypeInvalid",
          fmt::format("Invalid value: \"{}\": {} in body must be of type {}: \"{}\"", json_word(value), path,
                      word, json_word(value)),
          path);
      return;
    }
    if (schema.constraints != nullptr) check_value(value, *schema.constraints, path);
    if (schema.type == Type::kString && !schema.format.empty()) check_format(value, schema.format, path);
    if (value.is_object()) check_members(value, schema, path, root);
    if (value.is_array()) check_items(value, schema, path);
    if (schema.constraints != nullptr) check_combined(value, *schema.constraints, path);
  }

 private:
  void add(std::string reason, std::string message, const std::string& path) {
    causes_.push_back({std::move(reason), std::move(message), path});
  }
  void bad(const Json& value, const std::string& path, const std::string& why) {
    add("FieldValueInvalid", fmt::format("Invalid value: {}: {} in body {}", dump(value), path, why), path);
  }

  void check_members(const Json& value, const Schema& schema, const std::string& path, bool root) {
    for (const auto& [name, field] : schema.fields) {
      if (root && name == "metadata") continue;
      const std::string below = path.empty() ? name : path + "." + name;
      const auto it = value.find(name);
      if (it == value.end() || (it->is_null() && field.required && !field.schema->nullable)) {
        if (field.required) add("FieldValueRequired", "Required value", below);
      } else {
        check(*it, *field.schema, below);
      }
    }
    if (schema.additional == nullptr) return;
    for (const auto& [key, item] : value.items()) {
      if (schema.field(key) == nullptr) check(item, *schema.additional, fmt::format("{}.{}", path, key));
    }
  }

  void check_items(const Json& value, const Schema& schema, const std::string& path) {
    for (size_t i = 0; schema.items != nullptr && i < value.size(); ++i)
      check(value[i], *schema.items, fmt::format("{}[{}]", path, i));
    const bool keyed = schema.list_type == ListType::kMap;
    if (!keyed && schema.list_type != ListType::kSet) return;
    std::set<std::string> seen;
    for (size_t i = 0; i < value.size(); ++i) {
      Json id = value[i];
      if (keyed) {
        id = Json::object();
        for (const std::string& key : schema.list_keys) {
          if (const Json* part = find(value[i], key)) id[key] = *part;
        }
      }
      if (!seen.insert(dump(id)).second)
        add("FieldValueDuplicate", fmt::format("Duplicate value: {}", dump(id)),
            fmt::format("{}[{}]", path, i));
    }
  }

  void check_number(const Json& value, const Constraints& c, const std::string& path) {
    const double n = value.get<double>();
    if (c.minimum && (n < *c.minimum || (c.exclusive_minimum && n == *c.minimum))) {
      bad(value, path,
          fmt::format("should be greater than {}{}", c.exclusive_minimum ? "" : "or equal to ", *c.minimum));
    }
    if (c.maximum && (n > *c.maximum || (c.exclusive_maximum && n == *c.maximum))) {
      bad(value, path,
          fmt::format("should be less than {}{}", c.exclusive_maximum ? "" : "or equal to ", *c.maximum));
    }
    if (c.multiple_of && *c.multiple_of > 0 && std::fmod(n, *c.multiple_of) != 0)
      bad(value, path, fmt::format("should be a multiple of {}", *c.multiple_of));
  }

  void check_pattern(const Json& value, const std::string& pattern, const std::string& path) {
    const auto regex = compile_regex(pattern);
    if (regex == nullptr) return;
    const auto& text = value.get_ref<const std::string&>();
    steps_ -= most_steps(*regex, text);
    if (steps_ < 0) return bad(Json("string"), path, "is too long for the pattern '" + pattern + "'");
    if (!search(*regex, text)) bad(value, path, fmt::format("should match '{}'", pattern));
  }

  void check_value(const Json& value, const Constraints& c, const std::string& path) {
    if (!c.allowed.empty() && std::find(c.allowed.begin(), c.allowed.end(), value) == c.allowed.end()) {
      std::string list;
      for (const Json& item : c.allowed)
        list += (list.empty() ? "" : ", ") + dump(item);
      add("FieldValueNotSupported",
          fmt::format("Unsupported value: {}: supported values: {}", dump(value), list), path);
    }
    if (value.is_number()) check_number(value, c, path);
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      const auto length = static_cast<int64_t>(code_points(text));
      if (c.max_length && length > *c.max_length)
        add("FieldValueTooLong", fmt::format("Too long: may not be more than {} bytes", *c.max_length), path);
      if (c.min_length && length < *c.min_length)
        bad(value, path, fmt::format("should be at least {} chars long", *c.min_length));
      if (!c.pattern.empty()) check_pattern(value, c.pattern, path);
    }
    const auto size = static_cast<int64_t>(value.is_structured() ? value.size() : 0);
    if (value.is_array()) {
      if (c.max_items && size > *c.max_items)
        add("FieldValueTooMany", fmt::format("Too many: {}: must have at most {} items", size, *c.max_items),
            path);
      if (c.min_items && size < *c.min_items)
        bad(size, path, fmt::format("should have at least {} items", *c.min_items));
    }
    if (value.is_object()) {
      if (c.max_properties && size > *c.max_properties)
        add("FieldValueTooMany",
            fmt::format("Too many: {}: must have at most {} items", size, *c.max_properties), path);
      if (c.min_properties && size < *c.min_properties)
        bad(size, path, fmt::format("should have at least {} properties", *c.min_properties));
    }
  }

  void check_format(const Json& value, const std::string& format, const std::string& path) {
    const auto& text = value.get_ref<const std::string&>();
    const bool fine = format == "date-time" ? parse_rfc3339(text).has_value()
                      : format == "byte"    ? is_base64(text)
                                            : true;
    if (!fine) bad(value, path, fmt::format("must be of type {}: {}", format, dump(value)));
  }

  bool passes(const Json& value, const Schema& schema) {
    std::vector<Cause> causes;
    Validator(causes, steps_).check(value, schema, "");
    return causes.empty();
  }

  void check_combined(const Json& value, const Constraints& c, const std::string& path) {
    for (const Schema* part : c.all_of)
      check(value, *part, path);
    const auto fits = [&](const Schema* part) { return passes(value, *part); };
    if (!c.any_of.empty() && std::none_of(c.any_of.begin(), c.any_of.end(), fits))
      bad(value, path, "must validate at least one schema (anyOf)");
    if (!c.one_of.empty() && std::count_if(c.one_of.begin(), c.one_of.end(), fits) != 1)
      bad(value, path, "must validate one and only one schema (oneOf). Found none valid");
    if (c.negated != nullptr && fits(c.negated)) bad(value, path, "must not validate the schema (not)");
  }

  std::vector<Cause>& causes_;
  int64_t& steps_;  ///< Left for patterns.
};

/// The number that the scale subresource reads must be one it can show.
void check_scale(const Resource& resource, const Json& object, std::vector<Cause>& causes) {
  const Json* replicas =
      resource.scale_spec.empty() ? nullptr : json_pointer_like(object, resource.scale_spec);
  if (replicas == nullptr || replicas->is_null()) return;
  std::string why;
  if (!replicas->is_number_integer()) {
    const std::string shown = replicas->is_string() ? replicas->get<std::string>() : dump(*replicas);
    const char* type = replicas->is_string() ? "string" : replicas->is_boolean() ? "bool" : "float64";
    why = fmt::format("Invalid value: 0: {} accessor error: {} is of the type {}, expected int64",
                      resource.scale_spec, shown, type);
  } else if (replicas->get<int64_t>() < 0) {
    why = fmt::format("Invalid value: {}: should be a non-negative integer", dump(*replicas));
  } else if (replicas->get<int64_t>() > INT32_MAX) {
    why = fmt::format("Invalid value: {}: should be less than or equal to {}", dump(*replicas), INT32_MAX);
  }
  if (!why.empty()) causes.push_back({"FieldValueInvalid", why, resource.scale_spec});
}

/// What rules at the root may see of metadata.
Json visible(const Json& object) {
  Json out = object;
  Json metadata = Json::object();
  for (const char* key : {"name", "generateName"}) {
    if (const Json* value = find_path(object, {"metadata", key})) metadata[key] = *value;
  }
  out["metadata"] = std::move(metadata);
  return out;
}

}  // namespace

const char* type_word(Type type) {
  switch (type) {
    case Type::kObject:
      return "object";
    case Type::kArray:
      return "array";
    case Type::kString:
      return "string";
    case Type::kBool:
      return "boolean";
    case Type::kInt32:
    case Type::kInt64:
      return "integer";
    case Type::kDouble:
      return "number";
    default:
      return "";
  }
}

void check_default(const Json& value, const Schema& schema, const std::string& path,
                   std::vector<Cause>& causes) {
  std::vector<Cause> found;
  int64_t steps = kMostSteps;
  Validator(found, steps).check(value, schema, "");
  for (Cause& cause : found) {
    cause.field = path + (cause.field.empty() || cause.field.starts_with('[') ? "" : ".") + cause.field;
    causes.push_back(std::move(cause));
  }
}

void validate_custom(const Resource& resource, const Json& object, const Json* old, WallTime,
                     std::vector<Cause>& causes) {
  const size_t before = causes.size();
  int64_t steps = kMostSteps;
  Validator(causes, steps).check(object, *resource.schema, "", true);
  // Rules are not run on objects whose shape they could not rely on.
  const bool blocked =
      std::any_of(causes.begin() + static_cast<std::ptrdiff_t>(before), causes.end(), [](const Cause& c) {
        return c.reason == "FieldValueRequired" || c.reason == "FieldValueTypeInvalid" ||
               c.reason == "FieldValueTooLong" || c.reason == "FieldValueTooMany" ||
               c.reason == "FieldValueNotSupported";
      });
  if (blocked) check_scale(resource, object, causes);
  if (blocked) {
    causes.push_back(
        {"FieldValueInvalid",
         "Invalid value: null: some validation rules were not checked because the object was invalid; "
         "correct the existing errors to complete validation",
         "<nil>"});
    return;
  }
  if (resource.schema->constraints == nullptr || resource.schema->constraints->rules.empty()) {
    check_scale(resource, object, causes);
    check_rules(object, old, *resource.schema, causes);
    return;
  }
  const Json now = visible(object);
  const Json was = old == nullptr ? Json() : visible(*old);
  check_scale(resource, object, causes);
  check_rules(now, old == nullptr ? nullptr : &was, *resource.schema, causes);
}

}  // namespace stowage::sandbox
