#include "sandbox/apiserver/protobuf.h"

#include <fmt/format.h>

#include <bit>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "sandbox/apiserver/coerce.h"
#include "sandbox/apiserver/parsed.h"

namespace stowage::sandbox {
namespace {

/// Unwinds the decoder; caught in decode_protobuf.
struct Malformed {
  std::string why;
};

enum class Wire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// One field of a message as it lies on the wire.
struct Part {
  uint64_t number = 0;
  Wire wire = Wire::kVarint;
  uint64_t scalar = 0;
  std::string_view bytes = {};
};

class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}

  [[nodiscard]] bool done() const { return rest_.empty(); }

  uint64_t varint() {
    uint64_t out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) throw Malformed{"the message ends inside a number"};
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return out;
    }
    throw Malformed{"a number has more than 64 bits"};
  }

  Part next() {
    Part out;
    const uint64_t tag = varint();
    out.number = tag >> 3;
    if (out.number == 0) throw Malformed{"field number 0"};
    out.wire = static_cast<Wire>(tag & 7);
    switch (out.wire) {
      case Wire::kVarint:
        out.scalar = varint();
        return out;
      case Wire::kFixed64:
        out.scalar = fixed(8);
        return out;
      case Wire::kFixed32:
        out.scalar = fixed(4);
        return out;
      case Wire::kBytes: {
        const uint64_t size = varint();
        if (size > rest_.size()) throw Malformed{"the message ends inside a field"};
        out.bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return out;
      }
    }
    throw Malformed{fmt::format("wire type {} is not used by Kubernetes", tag & 7)};
  }

 private:
  uint64_t fixed(size_t width) {
    if (rest_.size() < width) throw Malformed{"the message ends inside a number"};
    uint64_t out = 0;
    for (size_t i = 0; i < width; ++i)
      out |= uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
    rest_.remove_prefix(width);
    return out;
  }

  std::string_view rest_;
};

/// First value of a field of a message; empty when it is absent.
std::string_view bytes_of(std::string_view message, uint64_t number) {
  std::string_view out;
  for (Reader reader(message); !reader.done();) {
    const Part part = reader.next();
    if (part.number == number && part.wire == Wire::kBytes) out = part.bytes;
  }
  return out;
}

int64_t number_of(std::string_view message, uint64_t number) {
  int64_t out = 0;
  for (Reader reader(message); !reader.done();) {
    const Part part = reader.next();
    if (part.number == number && part.wire == Wire::kVarint) out = static_cast<int64_t>(part.scalar);
  }
  return out;
}

class Decoder {
 public:
  explicit Decoder(const InputLimits& limits) : limits_(limits) {}

  Json message(std::string_view bytes, const Schema& schema) {
    Json out = Json::object();
    fields(out, bytes, schema, "");
    return out;
  }

 private:
  /// `outer` is "2." inside of the embedded message in field 2, whose fields belong to the same JSON object.
  void fields(Json& out, std::string_view bytes, const Schema& schema, const std::string& outer) {
    if (++depth_ > limits_.depth) throw Malformed{"the object is nested too deeply"};
    for (Reader reader(bytes); !reader.done();) {
      const Part part = reader.next();
      if (++values_ > limits_.nodes)
        throw Malformed{fmt::format("the object has more than {} values", limits_.nodes)};
      const std::string number = outer + std::to_string(part.number);
      const Field* exact = nullptr;
      bool embedded = false;
      for (const auto& [name, field] : schema.fields) {
        if (field.protobuf == number) exact = &field;
        embedded = embedded || field.protobuf.starts_with(number + ".");
      }
      if (exact != nullptr) {
        put(out, *exact, part);
      } else if (embedded && part.wire == Wire::kBytes) {
        fields(out, part.bytes, schema, number + ".");
      }
    }
    --depth_;
  }

  void put(Json& out, const Field& field, const Part& part) {
    const Schema& type = *field.schema;
    if (type.type == Type::kArray && type.items != nullptr) return append(out[field.name], *type.items, part);
    if (type.is_map()) return enter(out[field.name], *type.additional, part);
    Json decoded = value(part, type);
    const bool zero = decoded == Json("") || decoded == Json(0) || decoded == Json(false);
    if (!decoded.is_null() && (!zero || field.pointer)) out[field.name] = std::move(decoded);
  }

  void append(Json& list, const Schema& items, const Part& part) {
    if (!list.is_array()) list = Json::array();
    const bool number = items.type == Type::kInt32 || items.type == Type::kInt64 || items.type == Type::kBool;
    if (!number || part.wire != Wire::kBytes) {
      list.push_back(value(part, items));
      return;
    }
    for (Reader packed(part.bytes); !packed.done();)
      list.push_back(scalar(packed.varint(), items));
  }

  void enter(Json& map, const Schema& type, const Part& part) {
    if (!map.is_object()) map = Json::object();
    std::string key;
    Json entry = type.type == Type::kString ? Json("") : Json(nullptr);
    for (Reader reader(bytes(part)); !reader.done();) {
      const Part half = reader.next();
      if (half.number == 1) key = std::string(bytes(half));
      if (half.number == 2) entry = value(half, type);
    }
    map[key] = std::move(entry);
  }

  static std::string_view bytes(const Part& part) {
    if (part.wire != Wire::kBytes) throw Malformed{"a number stands where bytes belong"};
    return part.bytes;
  }

  static Json scalar(uint64_t bits, const Schema& type) {
    if (type.type == Type::kBool) return bits != 0;
    if (type.type == Type::kInt32) return static_cast<int32_t>(bits);
    return static_cast<int64_t>(bits);
  }

  Json value(const Part& part, const Schema& type) {
    switch (type.type) {
      case Type::kBool:
      case Type::kInt32:
      case Type::kInt64:
        if (part.wire != Wire::kVarint) throw Malformed{"bytes stand where a number belongs"};
        return scalar(part.scalar, type);
      case Type::kDouble:
        if (part.wire != Wire::kFixed64) throw Malformed{"a floating-point number is not 8 bytes wide"};
        return std::bit_cast<double>(part.scalar);
      case Type::kString:
        return std::string(bytes(part));
      case Type::kBytes:
        return base64_encode(bytes(part));
      case Type::kQuantity:
        return std::string(bytes_of(bytes(part), 1));
      case Type::kIntOrString:
        if (number_of(bytes(part), 1) == 0) return number_of(bytes(part), 2);
        return std::string(bytes_of(bytes(part), 3));
      case Type::kTime:
      case Type::kMicroTime:
        return time(bytes(part), type.type == Type::kMicroTime);
      case Type::kAny:
        return raw(bytes_of(bytes(part), 1));
      default:
        break;
    }
    Json out = Json::object();
    fields(out, bytes(part), type, "");
    return out;
  }

  /// A time that was never set is an empty message.
  static Json time(std::string_view message, bool micro) {
    if (message.empty()) return nullptr;
    constexpr int64_t kMost = 253'402'300'799;  // the last second of the year 9999: RFC 3339 ends there
    const int64_t seconds = number_of(message, 1);
    if (seconds < 0 || seconds > kMost) throw Malformed{"a time is out of range"};
    const int64_t nanos = number_of(message, 2) % 1'000'000'000;
    const WallTime at{std::chrono::duration_cast<WallTime::duration>(std::chrono::seconds(seconds)) +
                      std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(nanos))};
    return micro ? format_rfc3339_micro(at) : format_rfc3339(at);
  }

  Json raw(std::string_view text) const {
    if (text.empty()) return nullptr;
    auto parsed = parse_json(text, limits_);
    if (!parsed) throw Malformed{parsed.error().message};
    return std::move(parsed->value);
  }

  InputLimits limits_;
  int depth_ = 0;
  size_t values_ = 0;
};

/// "apps/v1", "Deployment" -> "apps.v1.Deployment"; "rbac.authorization.k8s.io/v1" -> "rbac.v1".
std::string type_name(std::string_view api_version, std::string_view kind) {
  if (kind == "DeleteOptions") return "meta.v1.DeleteOptions";
  const size_t slash = api_version.find('/');
  if (slash == std::string_view::npos) return fmt::format("core.{}.{}", api_version, kind);
  const std::string_view group = api_version.substr(0, slash);
  return fmt::format("{}.{}.{}", group.substr(0, group.find('.')), api_version.substr(slash + 1), kind);
}

}  // namespace

Answer<Json> decode_protobuf(std::string_view body, const Builtins& builtins, const InputLimits& limits) {
  static constexpr std::string_view kMagic("k8s\0", 4);
  if (body.size() > limits.bytes) return too_large(limits.bytes);
  if (!body.starts_with(kMagic))
    return bad_request("the body does not start with the four bytes that mark Kubernetes' protobuf");
  try {
    const std::string_view unknown = body.substr(kMagic.size());
    const std::string_view type = bytes_of(unknown, 1);
    const std::string_view api_version = bytes_of(type, 1);
    const std::string_view kind = bytes_of(type, 2);
    const Schema* schema = builtins.type(type_name(api_version, kind));
    if (schema == nullptr) {
      Refusal refusal = unsupported_media_type();
      refusal.error().message +=
          fmt::format(" (the sandbox does not read {} {} in protobuf)", api_version, kind);
      return refusal;
    }
    Json out = Decoder(limits).message(bytes_of(unknown, 2), *schema);
    out["apiVersion"] = api_version;
    out["kind"] = kind;
    return out;
  } catch (const Malformed& malformed) {
    return bad_request("malformed protobuf: " + malformed.why);
  }
}

}  // namespace stowage::sandbox
