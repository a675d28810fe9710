#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {
namespace {

/// Bytes that a JSON string cannot hold as they are: controls, quote, backslash; and those beyond ASCII,
/// which must be looked at as UTF-8.
constexpr std::array<bool, 256> kSpecial = [] {
  std::array<bool, 256> out{};
  for (size_t c = 0; c < 256; ++c)
    out[c] = c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
  return out;
}();

constexpr size_t kLargeScratch = size_t{1} << 20;

void write_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          static constexpr std::string_view kHex = "0123456789abcdef";
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          out += c;
        }
    }
  }
}

template <class T>
void write_integer(std::string& out, T value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

void write_value(std::string& out, const Json& value);

void write_members(std::string& out, const Json::object_t& members, bool typed) {
  out += '{';
  bool first = true;
  for (const auto& [key, member] : members) {
    if (!typed && (key == "apiVersion" || key == "kind")) continue;
    if (!first) out += ',';
    first = false;
    write_json_string(out, key);
    out += ':';
    write_value(out, member);
  }
  out += '}';
}

void write_value(std::string& out, const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      return write_members(out, value.get_ref<const Json::object_t&>(), true);
    case Json::value_t::array: {
      out += '[';
      bool first = true;
      for (const Json& item : value.get_ref<const Json::array_t&>()) {
        if (!first) out += ',';
        first = false;
        write_value(out, item);
      }
      out += ']';
      return;
    }
    case Json::value_t::string:
      return write_json_string(out, value.get_ref<const std::string&>());
    case Json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return;
    case Json::value_t::number_integer:
      return write_integer(out, value.get<int64_t>());
    case Json::value_t::number_unsigned:
      return write_integer(out, value.get<uint64_t>());
    case Json::value_t::number_float:
      out += value.dump();
      return;
    case Json::value_t::binary: {
      const auto& bytes = value.get_binary();
      out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return;
    }
    default:
      out += "null";
  }
}

}  // namespace

void write_json_string(std::string& out, std::string_view text) {
  bool special = false;
  bool wide = false;
  for (const char c : text) {
    special = special || kSpecial[static_cast<unsigned char>(c)];
    wide = wide || static_cast<unsigned char>(c) >= 0x80;
  }
  if (wide) {  // nlohmann replaces what is not UTF-8
    out += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  out += '"';
  if (special) {
    write_escaped(out, text);
  } else {
    out += text;
  }
  out += '"';
}

std::string dump(const Json& value) {
  std::string out;
  write_value(out, value);
  return out;
}

std::string dump_untyped(const Json& object) {
  // What is stored for long gets exactly the memory that it needs.
  thread_local std::string scratch;
  scratch.clear();
  write_members(scratch, object.get_ref<const Json::object_t&>(), false);
  std::string out(scratch);
  if (scratch.capacity() > kLargeScratch) std::string().swap(scratch);
  return out;
}

Json raw_json(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  return Json::binary(std::vector<uint8_t>(bytes, bytes + text.size()));
}

}  // namespace stowage::sandbox
