#include "sandbox/apiserver/cel/sizes.h"

#include <algorithm>

#include "sandbox/apiserver/cel/eval.h"
#include "sandbox/apiserver/cel/types.h"
#include "sandbox/apiserver/custom/constraints.h"

namespace stowage::sandbox::cel {
namespace {

constexpr int64_t kMostOfRequest = int64_t{3} << 20;  // bytes
constexpr int64_t kMostName = 253;                    // of a DNS subdomain
// Bytes of the shortest and longest JSON texts, quotes included: apiserver/pkg/cel/limits.go.
constexpr int64_t kLeastText = 2, kLeastDuration = 3, kDate = 12, kLeastTime = 21, kMostTime = 32;
constexpr int64_t kMostBytesOfCharacter = 4;

uint64_t positive(int64_t value) {
  return static_cast<uint64_t>(std::max<int64_t>(value, 0));
}

bool exposed(const Schema& schema) {
  return type_of(schema, schema.embedded).kind != StaticType::Kind::kError;
}

/// Bytes of the shortest value of a schema as JSON.
int64_t least_json(const Schema& schema, bool root) {
  switch (schema.type) {
    case Type::kBool:
      return 4;
    case Type::kString:
      if (schema.format == "duration") return kLeastDuration;
      if (schema.format == "date") return kDate;
      return schema.format == "date-time" ? kLeastTime : kLeastText;
    case Type::kArray:
      return 2;
    case Type::kObject:
      break;
    default:
      return 1;
  }
  int64_t out = 2;
  if (schema.additional != nullptr && !root) return out;
  for (const auto& [name, field] : schema.fields) {
    // Quotes, colon and comma. What has a default need not be sent.
    if (field.required && field.default_value == nullptr && exposed(*field.schema))
      out += static_cast<int64_t>(name.size()) + least_json(*field.schema, field.schema->embedded) + 4;
  }
  return out;
}

int64_t longest_choice(const Constraints& constraints) {
  size_t out = 0;
  for (const Json& choice : constraints.allowed)
    out = std::max(out, choice.is_string() ? choice.get_ref<const std::string&>().size() : 0);
  return static_cast<int64_t>(out);
}

uint64_t most_of_text(const Schema& schema) {
  const std::string format = schema.type == Type::kString ? schema.format : "";
  if (format == "date") return kDate;
  if (format == "duration" || format == "date-time") return kMostTime;
  const Constraints* constraints = schema.constraints.get();
  if (constraints != nullptr && constraints->max_length) {
    const uint64_t length = positive(*constraints->max_length);
    return format == "byte" ? length : times(length, kMostBytesOfCharacter);
  }
  const bool choice = constraints != nullptr && !constraints->allowed.empty() &&
                      schema.type == Type::kString && format != "byte";
  return positive(choice ? longest_choice(*constraints) : kMostOfRequest - 2);
}

/// metadata.name and generateName, which the definition may bound further.
uint64_t most_of_name(const Schema& resource, const char* name, int64_t most) {
  const Field* metadata = resource.field("metadata");
  const Field* field =
      metadata == nullptr || metadata->schema == nullptr ? nullptr : metadata->schema->field(name);
  if (field != nullptr && field->schema != nullptr && field->schema->constraints != nullptr)
    most = std::min(most, field->schema->constraints->max_length.value_or(most));
  return times(positive(most), kMostBytesOfCharacter);
}

std::optional<Place> member_of_resource(const Place& place, const std::string& step) {
  if (step == "apiVersion" || step == "kind") return Place{place.schema, true, Place::Kind::kText};
  if (step == "metadata") return Place{place.schema, true, Place::Kind::kMetadata};
  return std::nullopt;
}

std::optional<Place> member_of_metadata(const Place& place, const std::string& step) {
  if (step == "name") return Place{place.schema, true, Place::Kind::kName};
  if (step == "generateName") return Place{place.schema, true, Place::Kind::kGenerateName};
  return std::nullopt;
}

}  // namespace

uint64_t plus(uint64_t a, uint64_t b) {
  return a > kUnbounded - b ? kUnbounded : a + b;
}

uint64_t times(uint64_t a, uint64_t b) {
  return b != 0 && a > kUnbounded / b ? kUnbounded : a * b;
}

std::optional<Place> place_in(const Place& place, const std::string& step) {
  if (place.kind == Place::Kind::kMetadata) return member_of_metadata(place, step);
  if (place.kind != Place::Kind::kSchema) return std::nullopt;
  const Schema& schema = *place.schema;
  if (step == "@keys")
    return schema.is_map() ? std::optional(Place{&schema, false, Place::Kind::kKey}) : std::nullopt;
  const Schema* below = nullptr;
  if (step == "@items" || step == "@values") {
    below = schema.type == Type::kArray ? schema.items : schema.additional;
  } else {
    if (place.root) {
      if (const auto member = member_of_resource(place, step)) return member;
    }
    const Field* field = schema.field(step);
    if (field == nullptr) field = schema.field(unescape_property(step));
    below = field == nullptr ? nullptr : field->schema;
  }
  if (below == nullptr || !exposed(*below)) return std::nullopt;
  return Place{below, below->embedded};
}

uint64_t most_elements(const Place& place) {
  switch (place.kind) {
    case Place::Kind::kMetadata:
    case Place::Kind::kKey:  // an omission of the real one: keys cost nothing
      return 0;
    case Place::Kind::kName:
      return most_of_name(*place.schema, "name", kMostName);
    case Place::Kind::kGenerateName:
      return most_of_name(*place.schema, "generateName", kMostName - 1);
    case Place::Kind::kText:
      return positive(kMostOfRequest - 2);
    case Place::Kind::kSchema:
      break;
  }
  const Schema& schema = *place.schema;
  const Constraints* constraints = schema.constraints.get();
  if (schema.type == Type::kString || schema.type == Type::kIntOrString) return most_of_text(schema);
  if (schema.type == Type::kArray && schema.items != nullptr) {
    if (constraints != nullptr && constraints->max_items) return positive(*constraints->max_items);
    return positive((kMostOfRequest - 2) / (least_json(*schema.items, schema.items->embedded) + 1));
  }
  if (schema.is_map() && !place.root) {
    if (constraints != nullptr && constraints->max_properties) return positive(*constraints->max_properties);
    // The shortest key with its quotes, colon and comma.
    return positive((kMostOfRequest - 2) / (least_json(*schema.additional, schema.additional->embedded) + 6));
  }
  return 0;
}

std::optional<uint64_t> most_children(const Schema& schema) {
  const bool list = schema.type == Type::kArray;
  if (!list && !schema.is_map()) return 1;
  const Constraints* constraints = schema.constraints.get();
  if (constraints == nullptr) return std::nullopt;
  const auto& most = list ? constraints->max_items : constraints->max_properties;
  return most ? std::optional(positive(*most)) : std::nullopt;
}

uint64_t most_per_request(const Schema& schema, bool root) {
  return positive(kMostOfRequest / (least_json(schema, root) + 1));
}

}  // namespace stowage::sandbox::cel
