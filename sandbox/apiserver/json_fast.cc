#include <simdjson.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/json_fast.h"

namespace stowage::sandbox {
namespace {

/// Larger documents take the other parser, so that no buffer here stays large for good.
constexpr size_t kMostBytes = 256 * 1024;

class Tree {
 public:
  explicit Tree(const InputLimits& limits) : limits_(limits) {}

  bool build(const simdjson::dom::element& from, Json& to, int depth) {
    if (++nodes_ > limits_.nodes) return false;
    switch (from.type()) {
      case simdjson::dom::element_type::OBJECT:
        return members(from.get_object().value_unsafe(), to, depth);
      case simdjson::dom::element_type::ARRAY:
        return items(from.get_array().value_unsafe(), to, depth);
      case simdjson::dom::element_type::STRING: {
        const std::string_view text = from.get_string().value_unsafe();
        to = Json::string_t(text);
        return true;
      }
      case simdjson::dom::element_type::INT64: {
        const int64_t number = from.get_int64().value_unsafe();
        to = number < 0 ? Json(number) : Json(static_cast<uint64_t>(number));
        return true;
      }
      case simdjson::dom::element_type::UINT64:
        to = from.get_uint64().value_unsafe();
        return true;
      case simdjson::dom::element_type::DOUBLE:
        to = from.get_double().value_unsafe();
        return true;
      case simdjson::dom::element_type::BOOL:
        to = from.get_bool().value_unsafe();
        return true;
      default:
        return true;  // null
    }
  }

 private:
  bool members(const simdjson::dom::object& from, Json& to, int depth) {
    if (depth >= limits_.depth) return false;
    to = Json::object();
    auto& out = to.get_ref<Json::object_t&>();
    for (const auto field : from) {
      const size_t before = out.size();
      // Most writers sort their keys, and then the hint is right.
      const auto slot = out.emplace_hint(out.end(), Json::string_t(field.key), nullptr);
      if (out.size() == before) return false;
      if (!build(field.value, slot->second, depth + 1)) return false;
    }
    return true;
  }

  bool items(const simdjson::dom::array& from, Json& to, int depth) {
    if (depth >= limits_.depth) return false;
    to = Json::array();
    auto& out = to.get_ref<Json::array_t&>();
    out.reserve(from.size());
    for (const auto item : from) {
      if (!build(item, out.emplace_back(nullptr), depth + 1)) return false;
    }
    return true;
  }

  const InputLimits& limits_;
  size_t nodes_ = 0;
};

/// simdjson lets half of a surrogate pair through.
bool has_surrogates(std::string_view text) {
  for (size_t at = text.find("\\u"); at != std::string_view::npos; at = text.find("\\u", at + 2)) {
    if (at + 2 < text.size() && (text[at + 2] == 'd' || text[at + 2] == 'D')) return true;
  }
  return false;
}

}  // namespace

std::optional<Json> parse_fast(std::string_view text, const InputLimits& limits) {
  if (text.size() > kMostBytes || has_surrogates(text)) return std::nullopt;
  thread_local simdjson::dom::parser parser;
  thread_local std::string buffer;
  if (buffer.size() < text.size() + simdjson::SIMDJSON_PADDING)
    buffer.resize(text.size() + simdjson::SIMDJSON_PADDING);
  std::memcpy(buffer.data(), text.data(), text.size());
  simdjson::dom::element root;
  if (parser.parse(buffer.data(), text.size(), false).get(root) != simdjson::SUCCESS) return std::nullopt;
  Json out;
  if (!Tree(limits).build(root, out, 0)) return std::nullopt;
  return out;
}

Json parse_stored(std::string_view text) {
  static const InputLimits unbounded{.bytes = SIZE_MAX, .depth = 1024, .nodes = SIZE_MAX};
  if (auto tree = parse_fast(text, unbounded)) return *std::move(tree);
  return Json::parse(text, nullptr, false);
}

}  // namespace stowage::sandbox
