#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sandbox/apiserver/patch.h"

namespace stowage::sandbox {
namespace {

constexpr size_t kMaxOperations = 10'000;
constexpr size_t kMaxCopiedBytes = size_t{3} << 20;

/// kube-apiserver keeps the reason for itself.
Refusal cannot_apply(const std::string& /*why*/) {
  ApiError error;
  error.code = 422;
  error.reason = "Invalid";
  error.message = "the server rejected our request due to an error in our request";
  return Refusal(std::move(error));
}

Answer<Json::json_pointer> pointer(const Json& op, const char* member) {
  const Json* text = find(op, member);
  if (text == nullptr) return cannot_apply("the operation has no path");
  if (!text->is_string())
    return bad_request(fmt::format(
        "error decoding patch: json: cannot unmarshal {} into Go struct field jsonPatchOp.{} of type string",
        text->type_name(), member));
  try {
    return Json::json_pointer(text->get<std::string>());
  } catch (const Json::exception&) {
    return cannot_apply("the path is no JSON pointer");
  }
}

/// nlohmann creates missing parents in places; RFC 6902 wants an error, so the parent is looked up first.
Answer<void> add(Json& document, const Json::json_pointer& at, Json value) {
  if (at.empty()) {
    document = std::move(value);
    return {};
  }
  const Json::json_pointer parent_at = at.parent_pointer();
  if (!document.contains(parent_at)) {
    return cannot_apply(
        fmt::format("add operation does not apply: doc is missing path: \"{}\"", at.to_string()));
  }
  Json& parent = document[parent_at];
  const std::string& key = at.back();
  if (parent.is_object()) {
    parent[key] = std::move(value);
    return {};
  }
  if (!parent.is_array()) {
    return cannot_apply(
        fmt::format("add operation does not apply: doc is missing path: \"{}\"", at.to_string()));
  }
  size_t index = parent.size();
  if (key != "-") {
    if (key.empty() || key.size() > 9 || key.find_first_not_of("0123456789") != std::string::npos) {
      return cannot_apply(fmt::format("add operation does not apply: invalid array index \"{}\"", key));
    }
    index = std::stoul(key);
  }
  if (index > parent.size()) {
    return cannot_apply(fmt::format("add operation does not apply: index {} out of bounds", index));
  }
  parent.insert(parent.begin() + static_cast<Json::difference_type>(index), std::move(value));
  return {};
}

Answer<Json> take(Json& document, const Json::json_pointer& at, std::string_view op) {
  if (!document.contains(at) || at.empty()) {
    return cannot_apply(
        fmt::format("{} operation does not apply: doc is missing path: \"{}\"", op, at.to_string()));
  }
  Json value = document[at];
  Json& parent = document[at.parent_pointer()];
  if (parent.is_object()) {
    parent.erase(at.back());
  } else {
    parent.erase(std::stoul(at.back()));
  }
  return value;
}

Answer<void> apply_one(Json& document, const Json& op, size_t& copied) {
  const std::string kind = string_at(op, {"op"});
  auto at = pointer(op, "path");
  if (!at) return std::unexpected(at.error());
  const Json* value = find(op, "value");
  static const Json null;
  if (value == nullptr) value = &null;  // what is not given is null
  if (kind == "add") return add(document, *at, *value);
  if (kind == "remove") {
    auto taken = take(document, *at, kind);
    return taken ? Answer<void>() : std::unexpected(taken.error());
  }
  if (kind == "replace") {
    if (!document.contains(*at)) {
      return cannot_apply(fmt::format(
          "replace operation does not apply: doc is missing key: {}: missing value", at->to_string()));
    }
    document[*at] = *value;
    return {};
  }
  if (kind == "test") {
    const Json have = document.contains(*at) ? document[*at] : Json();
    return have == *value
               ? Answer<void>()
               : cannot_apply(fmt::format("testing value {} failed: test failed", at->to_string()));
  }
  if (kind != "move" && kind != "copy") return cannot_apply(fmt::format("Unexpected kind: \"{}\"", kind));
  auto from = pointer(op, "from");
  if (!from) return std::unexpected(from.error());
  if (kind == "move") {
    auto taken = take(document, *from, kind);
    return taken ? add(document, *at, *std::move(taken)) : std::unexpected(taken.error());
  }
  if (!document.contains(*from)) {
    return cannot_apply(
        fmt::format("copy operation does not apply: doc is missing from path: \"{}\"", from->to_string()));
  }
  Json copy = document[*from];
  copied += dump(copy).size();
  if (copied > kMaxCopiedBytes) return cannot_apply("the copies of this patch exceed the size limit");
  return add(document, *at, std::move(copy));
}

/// In place: each level would otherwise copy everything below it once more.
void merge_into(Json& value, const Json& patch) {
  if (!patch.is_object()) {
    value = patch;
    return;
  }
  if (!value.is_object()) value = Json::object();
  for (const auto& [key, member] : patch.items()) {
    if (member.is_null()) {
      value.erase(key);
    } else {
      merge_into(value[key], member);
    }
  }
}

}  // namespace

Json merge_patch(const Json& original, const Json& patch) {
  Json out = original;
  merge_into(out, patch);
  return out;
}

Answer<Json> json_patch(const Json& original, const Json& patch) {
  if (patch.is_null()) return original;
  const auto decoding = [](const Json& value, const char* type) {
    return bad_request(fmt::format(
        "error decoding patch: json: cannot unmarshal {} into Go value of type {}handlers.jsonPatchOp",
        value.type_name(), type));
  };
  if (!patch.is_array()) return decoding(patch, "[]");
  for (const Json& op : patch) {
    if (!op.is_object()) return decoding(op, "");
  }
  if (patch.size() > kMaxOperations) {
    ApiError error;
    error.code = 413;
    error.reason = "RequestEntityTooLarge";
    error.message =
        fmt::format("Request entity too large: The allowed maximum operations in a JSON patch is {}, got {}",
                    kMaxOperations, patch.size());
    return Refusal(std::move(error));
  }
  Json out = original;
  size_t copied = 0;
  try {
    for (const Json& op : patch) {
      if (auto r = apply_one(out, op, copied); !r) return std::unexpected(std::move(r).error());
    }
  } catch (const std::exception& e) {  // an index into a scalar and the like
    return cannot_apply(e.what());
  }
  return out;
}

}  // namespace stowage::sandbox
