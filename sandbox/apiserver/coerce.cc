#include "sandbox/apiserver/coerce.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "sandbox/apiserver/go_text.h"

namespace stowage::sandbox {
namespace {

std::string_view go_type(Type type) {
  switch (type) {
    case Type::kString:
    case Type::kTime:
    case Type::kMicroTime:
      return "string";
    case Type::kBool:
      return "bool";
    case Type::kInt32:
      return "int32";
    case Type::kInt64:
      return "int64";
    case Type::kDouble:
      return "float64";
    case Type::kBytes:
      return "[]uint8";
    case Type::kArray:
      return "[]";
    case Type::kObject:
      return "map";
    default:
      return "value";
  }
}

std::string_view last_part(std::string_view dotted) {
  const size_t dot = dotted.rfind('.');
  return dot == std::string_view::npos ? dotted : dotted.substr(dot + 1);
}

/// Where a value stands: a chain that becomes text only when there is something to say.
struct Place {
  const Place* parent = nullptr;
  std::string_view key = {};
  size_t index = 0;
  bool item = false;
  bool entry = false;  ///< Of a map.

  [[nodiscard]] std::string text() const {
    std::string out = parent == nullptr ? "" : parent->text();
    if (item) return out + fmt::format("[{}]", index);
    if (!out.empty() && !key.empty()) out += '.';
    return out += key;
  }

  /// Go's decoder names the fields alone: no places in lists, no keys of maps.
  [[nodiscard]] std::string fields() const {
    std::string out = parent == nullptr ? "" : parent->fields();
    if (item || entry || key.empty()) return out;
    return out + (out.empty() ? "" : ".") + std::string(key);
  }
};

class Coercer {
 public:
  Coercer(std::string_view kind, std::string_view version, std::vector<std::string>& unknown, bool keep_empty)
      : kind_(kind), version_(version), unknown_(unknown), keep_empty_(keep_empty) {}

  Answer<void> any(Json& value, const Schema& schema, const Place& place, std::string_view owner) {
    switch (schema.type) {
      case Type::kAny:
        return {};
      case Type::kObject:
        return object(value, schema, place, owner);
      case Type::kArray: {
        if (!value.is_array()) return wrong(value, schema, place, owner);
        for (size_t i = 0; i < value.size(); ++i) {
          // A null in a list is Go's zero value.
          if (value[i].is_null() && schema.items->type == Type::kObject) value[i] = Json::object();
          const Place at{&place, {}, i, true, false};
          if (auto r = any(value[i], *schema.items, at, owner); !r) return r;
        }
        return {};
      }
      default:
        return scalar(value, schema, place, owner);
    }
  }

 private:
  Answer<void> object(Json& value, const Schema& schema, const Place& place, std::string_view owner) {
    if (!value.is_object()) return wrong(value, schema, place, owner);
    if (schema.fields.empty() && schema.additional == nullptr) return {};
    const std::string_view self = schema.type_name.empty() ? owner : last_part(schema.type_name);
    auto& members = value.get_ref<Json::object_t&>();
    for (auto it = members.begin(); it != members.end();) {
      Json& sub = it->second;
      const Field* field = schema.field(it->first);
      const Place at{&place, it->first, 0, false, field == nullptr && schema.additional != nullptr};
      const Schema* type = field != nullptr ? field->schema : schema.additional;
      if (type == nullptr) unknown_.push_back(at.text());
      const bool null_entry =
          sub.is_null() && (field != nullptr || type == nullptr || type->type != Type::kString);
      if (null_entry && type != nullptr && keep_empty_) {  // owned, though it says nothing
        ++it;
        continue;
      }
      if (type == nullptr || null_entry) {
        it = members.erase(it);
        continue;
      }
      if (sub.is_null()) sub = "";  // Go's zero value in a map of strings
      if (auto r = any(sub, *type, at, self); !r) return r;
      // Go leaves out empty maps and lists; empty structs stay.
      const bool collection = type->type == Type::kArray || type->is_map();
      if (collection && sub.empty() && field != nullptr && !field->required && !keep_empty_) {
        it = members.erase(it);
        continue;
      }
      ++it;
    }
    return {};
  }

  Answer<void> scalar(Json& value, const Schema& schema, const Place& place, std::string_view owner) {
    switch (schema.type) {
      case Type::kString:
        return value.is_string() ? Answer<void>() : wrong(value, schema, place, owner);
      case Type::kBool:
        return value.is_boolean() ? Answer<void>() : wrong(value, schema, place, owner);
      case Type::kInt32:
      case Type::kInt64:
        return integer(value, schema, place, owner);
      case Type::kDouble:
        return value.is_number() ? Answer<void>() : wrong(value, schema, place, owner);
      case Type::kIntOrString:
        return value.is_string() || value.is_number_integer() ? Answer<void>()
                                                              : wrong(value, schema, place, owner);
      case Type::kQuantity: {
        if (!value.is_string() && !value.is_number()) return wrong(value, schema, place, owner);
        auto text = value.is_string() ? canonical_quantity(value.get_ref<const std::string&>())
                                      : canonical_quantity(value.dump());
        if (!text) return cannot_handle(text.error().message);
        if (!value.is_string() || value.get_ref<const std::string&>() != *text) value = *std::move(text);
        return {};
      }
      case Type::kTime:
      case Type::kMicroTime: {
        if (!value.is_string()) return wrong(value, schema, place, owner);
        const auto time = parse_rfc3339(value.get_ref<const std::string&>());
        if (!time)
          return cannot_handle(go_time_problem(
              value.get_ref<const std::string&>(),
              schema.type == Type::kTime ? "2006-01-02T15:04:05Z07:00" : "2006-01-02T15:04:05.000000Z07:00"));
        value = schema.type == Type::kTime ? format_rfc3339(*time) : format_rfc3339_micro(*time);
        return {};
      }
      case Type::kBytes:
        if (!value.is_string()) return wrong(value, schema, place, owner);
        if (!is_base64(value.get_ref<const std::string&>())) {
          return cannot_handle("illegal base64 data in field " + place.fields());
        }
        return {};
      default:
        return {};
    }
  }

  Answer<void> integer(Json& value, const Schema& schema, const Place& place, std::string_view owner) {
    if (!value.is_number()) return wrong(value, schema, place, owner);
    bool fits = value.is_number_integer();
    if (value.is_number_unsigned()) fits = value.get<uint64_t>() <= uint64_t{INT64_MAX};
    if (fits && schema.type == Type::kInt32) {
      const auto number = value.get<int64_t>();
      fits = number >= INT32_MIN && number <= INT32_MAX;
    }
    if (fits) return {};
    return cannot_handle(fmt::format("json: cannot unmarshal number {} into Go struct field {}.{} of type {}",
                                     dump(value), owner, place.fields(), go_type(schema.type)));
  }

  Refusal wrong(const Json& value, const Schema& schema, const Place& place, std::string_view owner) {
    std::string type(go_type(schema.type));
    if (!schema.type_name.empty()) {  // "core.v1.PodSpec" is v1.PodSpec in Go
      const size_t dot = schema.type_name.find('.');
      type = schema.type_name.substr(dot + 1);
    } else if (schema.type == Type::kArray && schema.items != nullptr) {
      type += schema.items->type_name.empty()
                  ? std::string(go_type(schema.items->type))
                  : schema.items->type_name.substr(schema.items->type_name.find('.') + 1);
    } else if (schema.is_map()) {
      type = "map[string]" + std::string(go_type(schema.additional->type));
    }
    return cannot_handle(fmt::format("json: cannot unmarshal {} into Go struct field {}.{} of type {}",
                                     json_word(value), owner, place.fields(), type));
  }

  Refusal cannot_handle(std::string_view why) {
    if (kind_.empty()) return bad_request(std::string(why));
    return bad_request(
        fmt::format("{0} in version \"{1}\" cannot be handled as a {0}: {2}", kind_, version_, why));
  }

  std::string_view kind_, version_;
  std::vector<std::string>& unknown_;
  bool keep_empty_;
};

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

Answer<void> coerce_builtin(Json& value, const Schema& schema, std::string_view kind,
                            std::string_view version, std::vector<std::string>& unknown, bool keep_empty) {
  return Coercer(kind, version, unknown, keep_empty).any(value, schema, Place{}, kind);
}

bool is_base64(std::string_view text) {
  if (text.size() % 4 != 0) return false;
  size_t end = text.size();
  if (end > 0 && text[end - 1] == '=') --end;
  if (end > 0 && end < text.size() && text[end - 1] == '=') --end;
  for (size_t i = 0; i < end; ++i) {
    if (base64_value(text[i]) < 0) return false;
  }
  return true;
}

std::string base64_encode(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += i + k > bytes.size() ? '=' : kAlphabet[group >> (18 - 6 * k) & 63];
    }
  }
  return out;
}

std::string base64_decode(std::string_view text) {
  std::string out;
  if (!is_base64(text)) return out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(base64_value(c));
    count += 6;
    if (count >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  return out;
}

}  // namespace stowage::sandbox
