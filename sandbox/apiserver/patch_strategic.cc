#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/patch.h"

// Meaning: apimachinery's strategicpatch package and the contributors' guide "strategic-merge-patch.md".

namespace stowage::sandbox {
namespace {

constexpr std::string_view kOrder = "$setElementOrder/";
constexpr std::string_view kDelete = "$deleteFromPrimitiveList/";

const Schema& any_schema() {
  static const Schema schema;
  return schema;
}

Json* find_item(Json& list, const std::string& key, const Json& value) {
  for (Json& item : list) {
    if (const Json* have = find(item, key); have != nullptr && *have == value) return &item;
  }
  return nullptr;
}

/// Items that the patch orders come in that order; others keep their place relative to their neighbours.
void reorder(Json& list, const Json& order, const std::string& key) {
  const auto rank = [&](const Json& item) -> size_t {
    for (size_t i = 0; i < order.size(); ++i) {
      const Json* want = key.empty() ? &order[i] : find(order[i], key);
      const Json* have = key.empty() ? &item : find(item, key);
      if (want != nullptr && have != nullptr && *want == *have) return i;
    }
    return order.size();
  };
  std::vector<Json> ordered;
  for (const Json& item : list) {
    if (rank(item) < order.size()) ordered.push_back(item);
  }
  std::sort(ordered.begin(), ordered.end(), [&](const Json& a, const Json& b) { return rank(a) < rank(b); });
  size_t next = 0;
  for (Json& item : list) {
    if (rank(item) < order.size()) item = ordered[next++];
  }
}

/// Without an explicit order the patch's items keep the patch's order; the others go before them only where
/// the original had both and had them so.
Json weave(const Json& merged, const Json& original, const Json& patch, const std::string& key) {
  const auto index = [&](const Json& list, const Json& item) -> size_t {
    for (size_t i = 0; list.is_array() && i < list.size(); ++i) {
      const Json* a = key.empty() ? &list[i] : find(list[i], key);
      const Json* b = key.empty() ? &item : find(item, key);
      if (a != nullptr && b != nullptr && *a == *b) return i;
    }
    return SIZE_MAX;
  };
  std::vector<const Json*> patched;
  std::vector<const Json*> rest;
  for (const Json& item : merged)
    (index(patch, item) != SIZE_MAX ? patched : rest).push_back(&item);
  std::sort(patched.begin(), patched.end(),
            [&](const Json* a, const Json* b) { return index(patch, *a) < index(patch, *b); });
  Json out = Json::array();
  size_t left = 0;
  for (const Json* item : patched) {
    const size_t place = index(original, *item);
    while (place != SIZE_MAX && left < rest.size() && index(original, *rest[left]) < place) {
      out.push_back(*rest[left++]);
    }
    out.push_back(*item);
  }
  for (; left < rest.size(); ++left)
    out.push_back(*rest[left]);
  return out;
}

/// Directives that stand in the patch itself never reach the object.
Json without_directives(const Json& patch) {
  if (patch.is_array()) {
    Json out = Json::array();
    for (const Json& item : patch) {
      const std::string directive = string_at(item, {"$patch"});
      if (directive == "delete" || (directive == "replace" && item.size() == 1)) continue;
      out.push_back(without_directives(item));
    }
    return out;
  }
  if (!patch.is_object()) return patch;
  Json out = Json::object();
  for (const auto& [key, value] : patch.items()) {
    if (key.starts_with("$") || value.is_null()) continue;
    out[key] = without_directives(value);
  }
  return out;
}

Answer<Json> merge_object(const Json& original, const Json& patch, const Schema& schema);

Answer<Json> merge_list(const Json& original, const Json& patch, const Field& field, const Json* order,
                        const Json* removed) {
  Json out = original.is_array() ? original : Json::array();
  const Schema& items = field.schema->items != nullptr ? *field.schema->items : any_schema();
  if (removed != nullptr && removed->is_array()) {
    std::erase_if(out.get_ref<Json::array_t&>(), [&](const Json& item) {
      return std::find(removed->begin(), removed->end(), item) != removed->end();
    });
  }
  const std::string& key = field.merge_key;
  for (const Json& item : patch) {
    if (string_at(item, {"$patch"}) == "replace") return without_directives(patch);
  }
  for (const Json& item : patch) {
    if (key.empty()) {
      if (std::find(out.begin(), out.end(), item) == out.end()) out.push_back(item);
      continue;
    }
    const Json* value = find(item, key);
    if (value == nullptr) {
      return bad_request(fmt::format("map: {} does not contain declared merge key: {}", dump(item), key));
    }
    if (string_at(item, {"$patch"}) == "delete") {
      std::erase_if(out.get_ref<Json::array_t&>(), [&](const Json& have) {
        const Json* id = find(have, key);
        return id != nullptr && *id == *value;
      });
      continue;
    }
    if (Json* have = find_item(out, key, *value)) {
      auto merged = merge_object(*have, item, items);
      if (!merged) return merged;
      *have = *std::move(merged);
    } else {
      out.push_back(without_directives(item));
    }
  }
  if (order != nullptr && order->is_array()) {
    reorder(out, *order, key);
  } else {
    out = weave(out, original, patch, key);
  }
  return out;
}

Answer<Json> merge_member(const Json& original, const Json& patch, const Schema& schema,
                          const std::string& key, const Json& value) {
  const Field* field = schema.field(key);
  const Schema& type = field != nullptr               ? *field->schema
                       : schema.additional != nullptr ? *schema.additional
                                                      : any_schema();
  const Json* was = find(original, key);
  if (value.is_array() && field != nullptr && field->patch_merge) {
    return merge_list(was != nullptr ? *was : Json(), value, *field, find(patch, std::string(kOrder) + key),
                      find(patch, std::string(kDelete) + key));
  }
  if (value.is_object()) return merge_object(was != nullptr ? *was : Json(), value, type);
  return value;
}

Answer<Json> merge_object(const Json& original, const Json& patch, const Schema& schema) {
  const std::string directive = string_at(patch, {"$patch"});
  if (directive == "replace") return without_directives(patch);
  if (directive == "delete") return Json::object();
  if (!directive.empty() && directive != "merge") {
    return bad_request(fmt::format("Unknown patch type found: {}", directive));
  }
  Json out = original.is_object() ? original : Json::object();
  if (const Json* keep = find(patch, "$retainKeys"); keep != nullptr && keep->is_array()) {
    for (auto it = out.begin(); it != out.end();) {
      it = std::find(keep->begin(), keep->end(), Json(it.key())) == keep->end() ? out.erase(it)
                                                                                : std::next(it);
    }
  }
  for (const auto& [key, value] : patch.items()) {
    // An order or deletion without the list itself still changes the list.
    std::string target = key;
    Json change = value;
    for (const std::string_view prefix : {kOrder, kDelete}) {
      if (key.starts_with(prefix)) {
        target = key.substr(prefix.size());
        change = patch.contains(target) || !out.contains(target) ? Json() : Json::array();
      }
    }
    if (target.starts_with("$") || (target != key && change.is_null())) continue;
    if (change.is_null()) {
      out.erase(target);
      continue;
    }
    auto merged = merge_member(out, patch, schema, target, change);
    if (!merged) return merged;
    out[target] = *std::move(merged);
  }
  return out;
}

}  // namespace

Answer<Json> strategic_merge_patch(const Json& original, const Json& patch, const Schema& schema) {
  if (!patch.is_object()) return bad_request("the patch must be a JSON object");
  return merge_object(original, patch, schema);
}

}  // namespace stowage::sandbox
