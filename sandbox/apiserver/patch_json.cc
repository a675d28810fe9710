#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "sandbox/apiserver/go_text.h"
#include "sandbox/apiserver/patch.h"

namespace stowage::sandbox {
namespace {

constexpr size_t kMaxOperations = 10'000;
constexpr size_t kMaxCopiedBytes = size_t{3} << 20;
constexpr size_t kMaxDepth = 256;  ///< As of a document that is read (InputLimits).

/// kube-apiserver keeps the reason for itself.
Refusal cannot_apply(const std::string& /*why*/) {
  ApiError error;
  error.code = 422;
  error.reason = "Invalid";
  error.message = "the server rejected our request due to an error in our request";
  return Refusal(std::move(error));
}

/// A member of an operation that must be a text.
Answer<std::string> text_of(const Json& op, const char* member) {
  const Json* text = find(op, member);
  if (text == nullptr) return cannot_apply("the operation has no path");
  return text->get<std::string>();
}

/// Where an operation works: a structure and the name of a part of it, which need not be there.
struct Spot {
  Json* inside = nullptr;
  std::string key;
};

std::string unescaped(std::string_view part) {
  std::string out;
  for (size_t i = 0; i < part.size(); ++i) {
    const bool escape = part[i] == '~' && i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1');
    out += !escape ? part[i] : part[i + 1] == '0' ? '~' : '/';
    if (escape) ++i;
  }
  return out;
}

/// An index as Go's Atoi reads it, from the end when negative; nothing beyond `size`.
std::optional<size_t> index_in(std::string_view key, size_t size) {
  std::string_view digits = key;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  size_t index = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (digits.empty() || failure != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (negative && index > 0) {
    if (index > size) return std::nullopt;
    return size - index;
  }
  return index < size ? std::optional(index) : std::nullopt;
}

/// The part itself, or null where an object has none of that name. Error: no such item in a list.
Answer<Json*> part(const Spot& spot) {
  if (spot.inside->is_object()) {
    const auto it = spot.inside->find(spot.key);
    return it == spot.inside->end() ? nullptr : &*it;
  }
  const auto index = index_in(spot.key, spot.inside->size());
  if (!index) return cannot_apply("unable to access an index");
  return &(*spot.inside)[*index];
}

/// What stands before the first slash is not looked at.
Answer<Spot> spot_of(Json& document, std::string_view path) {
  size_t slash = path.find('/');
  if (slash == std::string_view::npos) return cannot_apply("the path is no JSON pointer");
  Spot out{&document, ""};
  for (;;) {
    const size_t next = path.find('/', slash + 1);
    out.key = unescaped(path.substr(slash + 1, next == std::string_view::npos ? next : next - slash - 1));
    if (next == std::string_view::npos) return out;
    auto inner = part(out);
    if (!inner || *inner == nullptr || !(*inner)->is_structured()) return cannot_apply("doc is missing path");
    out.inside = *inner;
    slash = next;
  }
}

/// True if the value nests deeper than a document may.
bool too_deep(const Json& value, size_t above) {
  std::vector<std::pair<const Json*, size_t>> open = {{&value, above}};
  while (!open.empty()) {
    const auto [at, depth] = open.back();
    open.pop_back();
    if (depth > kMaxDepth) return true;
    if (!at->is_structured()) continue;
    for (const Json& inner : *at)
      open.emplace_back(&inner, depth + 1);
  }
  return false;
}

Answer<void> add(Json& document, std::string_view path, Json value) {
  if (too_deep(value, static_cast<size_t>(std::count(path.begin(), path.end(), '/'))))
    return cannot_apply("the outcome would be nested too deep");
  auto spot = spot_of(document, path);
  if (!spot) return std::unexpected(std::move(spot).error());
  Json& inside = *spot->inside;
  if (inside.is_object()) {
    inside[spot->key] = std::move(value);
    return {};
  }
  const auto index = spot->key == "-" ? inside.size() : index_in(spot->key, inside.size() + 1);
  if (!index) return cannot_apply("unable to access an index");
  inside.insert(inside.begin() + static_cast<Json::difference_type>(*index), std::move(value));
  return {};
}

Answer<Json> take(Json& document, std::string_view path) {
  auto spot = spot_of(document, path);
  if (!spot) return std::unexpected(std::move(spot).error());
  auto found = part(*spot);
  if (!found || *found == nullptr) return cannot_apply("unable to remove what is not there");
  Json value = std::move(**found);
  if (spot->inside->is_object()) {
    spot->inside->erase(spot->key);
  } else {
    spot->inside->erase(spot->inside->begin() + (*found - &(*spot->inside)[0]));
  }
  return value;
}

Answer<void> replace(Json& document, std::string_view path, const Json& value) {
  if (path.empty()) {
    if (!value.is_structured()) return cannot_apply("the whole must be an object or an array");
    document = value;
    return {};
  }
  auto spot = spot_of(document, path);
  if (!spot) return std::unexpected(std::move(spot).error());
  auto found = part(*spot);
  if (!found) return std::unexpected(std::move(found).error());
  if (*found == nullptr) {
    (*spot->inside)[spot->key] = value;
  } else {
    **found = value;
  }
  return {};
}

/// The value at a path; null where an object has no such member.
Answer<Json> read(Json& document, std::string_view path) {
  auto spot = spot_of(document, path);
  if (!spot) return std::unexpected(std::move(spot).error());
  auto found = part(*spot);
  if (!found) return std::unexpected(std::move(found).error());
  return *found == nullptr ? Json() : **found;
}

Answer<void> transfer(Json& document, const Json& op, const std::string& path, bool moved, size_t& copied) {
  auto from = text_of(op, "from");
  if (!from) return std::unexpected(from.error());
  auto value = moved ? take(document, *from) : read(document, *from);
  if (!value) return std::unexpected(std::move(value).error());
  if (!moved) copied += value->is_null() ? 0 : dump(*value).size();
  if (copied > kMaxCopiedBytes) return cannot_apply("the copies of this patch exceed the size limit");
  return add(document, path, *std::move(value));
}

Answer<void> apply_one(Json& document, const Json& op, size_t& copied) {
  const std::string kind = string_at(op, {"op"});
  auto path = text_of(op, "path");
  if (!path) return std::unexpected(path.error());
  const Json* given = find(op, "value");
  const Json value = given != nullptr ? *given : Json();  // what is not given is null
  if (kind == "add") return add(document, *path, value);
  if (kind == "replace") return replace(document, *path, value);
  if (kind == "move" || kind == "copy") return transfer(document, op, *path, kind == "move", copied);
  if (kind == "remove") {
    auto taken = take(document, *path);
    return taken ? Answer<void>() : std::unexpected(std::move(taken).error());
  }
  if (kind != "test") return cannot_apply(fmt::format("Unexpected kind: \"{}\"", kind));
  auto have = path->empty() ? Answer<Json>(document) : read(document, *path);
  if (!have) return std::unexpected(std::move(have).error());
  return *have == value ? Answer<void>() : cannot_apply(fmt::format("testing value {} failed", *path));
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

Answer<Json> merge_patch(const Json& original, const Json& patch) {
  if (patch.is_null()) return bad_request("Invalid JSON Patch");
  if (!patch.is_object())
    return bad_request(fmt::format(
        "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
        json_word(patch)));
  Json out = original;
  merge_into(out, patch);
  return out;
}

Answer<Json> json_patch(const Json& original, const Json& patch) {
  if (patch.is_null()) return original;
  const auto decoding = [](const Json& value, const char* type) {
    return bad_request(fmt::format(
        "error decoding patch: json: cannot unmarshal {} into Go value of type {}handlers.jsonPatchOp",
        json_word(value), type));
  };
  if (!patch.is_array()) return decoding(patch, "[]");
  for (const Json& op : patch) {
    if (!op.is_object()) return decoding(op, "");
    for (const char* member : {"op", "path", "from"}) {
      const Json* text = find(op, member);
      if (text != nullptr && !text->is_string())
        return bad_request(
            fmt::format("error decoding patch: json: cannot unmarshal {} into Go struct field jsonPatchOp.{} "
                        "of type string",
                        json_word(*text), member));
    }
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
  for (const Json& op : patch) {
    if (auto r = apply_one(out, op, copied); !r) return std::unexpected(std::move(r).error());
  }
  return out;
}

}  // namespace stowage::sandbox
