#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sandbox/apiserver/patch.h"

namespace stowage::sandbox {
namespace {

/// The kind of a decoded value in Go.
std::string_view go_kind(const Json& value) {
  if (value.is_object()) return "map";
  if (value.is_array()) return "slice";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  return value.is_number_integer() ? "int64" : "float64";
}

std::string scalar_problem(const Json& value, Type type) {
  const std::string_view wanted = type == Type::kBool     ? "bool"
                                  : type == Type::kInt32  ? "int32"
                                  : type == Type::kInt64  ? "int64"
                                  : type == Type::kDouble ? "float64"
                                                          : "string";
  const bool number = type == Type::kInt32 || type == Type::kInt64 || type == Type::kDouble;
  if (type == Type::kString && value.is_string()) return {};
  if (type == Type::kBool && value.is_boolean()) return {};
  if (type == Type::kDouble && value.is_number()) return {};
  if (number && value.is_number_integer()) return {};
  // Go converts numbers among themselves, and whole ones to text; it says so when that loses something.
  if (value.is_number_integer() || (value.is_number() && number)) {
    const double real = value.get<double>();
    if (number && real == static_cast<double>(static_cast<int64_t>(real))) return {};
    if (number || type == Type::kString)
      return fmt::format("cannot convert {} to {}", go_kind(value), wanted);
  }
  return fmt::format("unrecognized type: {}", wanted);
}

}  // namespace

std::string restore_problem(const Json& value, const Schema& schema) {
  if (value.is_null()) return {};
  switch (schema.type) {
    case Type::kObject: {
      const bool map = schema.is_map();
      if (!map && schema.fields.empty()) return {};
      if (!value.is_object())
        return fmt::format("cannot restore {} {}", map ? "map from" : "struct from:", go_kind(value));
      for (const auto& [key, member] : value.items()) {
        const Field* field = schema.field(key);
        const Schema* type = field != nullptr ? field->schema : schema.additional;
        if (type == nullptr) continue;
        if (std::string why = restore_problem(member, *type); !why.empty()) return why;
      }
      return {};
    }
    case Type::kArray:
      if (!value.is_array()) return fmt::format("cannot restore slice from {}", go_kind(value));
      for (const Json& item : value) {
        if (std::string why = restore_problem(item, *schema.items); !why.empty()) return why;
      }
      return {};
    case Type::kString:
    case Type::kBool:
    case Type::kInt32:
    case Type::kInt64:
    case Type::kDouble:
      return scalar_problem(value, schema.type);
    default:
      return {};  // these have decoders of their own
  }
}

}  // namespace stowage::sandbox
