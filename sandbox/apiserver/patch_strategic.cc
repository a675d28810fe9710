#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "sandbox/apiserver/go_text.h"
#include "sandbox/apiserver/patch.h"

// Meaning, order of the steps and words: apimachinery's strategicpatch package (mergeMap and what it calls)
// and the contributors' guide "strategic-merge-patch.md".

namespace stowage::sandbox {
namespace {

constexpr std::string_view kOrder = "$setElementOrder/";
constexpr std::string_view kDelete = "$deleteFromPrimitiveList/";

const Schema& any_schema() {
  static const Schema schema;
  return schema;
}

/// Go's name for the type of a decoded value.
std::string_view go_type_of(const Json& value) {
  if (value.is_object()) return "map[string]interface {}";
  if (value.is_array()) return "[]interface {}";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  if (value.is_number_integer()) return "int64";
  return value.is_number() ? "float64" : "nil";
}

bool same_go_type(const Json& a, const Json& b) {
  return go_type_of(a) == go_type_of(b);
}

Refusal bad_argument(std::string_view wanted, const Json& given) {
  return server_error(fmt::format("expected a {}, but received a {}", wanted, go_type_of(given)));
}

Refusal no_merge_key(const Json& item, const std::string& key) {
  return server_error(fmt::format("map: {} does not contain declared merge key: {}", go_value(item), key));
}

Refusal bad_directive(const Json& directive, const Json& patch) {
  const std::string shown = directive.is_string()
                                ? directive.get<std::string>()
                                : fmt::format("%!s({}={})", go_type_of(directive), go_value(directive));
  return server_error(fmt::format("unknown patch type: {} in map: {}", shown, go_value(patch)));
}

/// What identifies an item of a list: the value of its key, or itself; empty when it has no key.
std::string identity(const Json& item, const std::string& key) {
  if (key.empty()) return dump(item);
  const Json* value = find(item, key);
  return value == nullptr ? std::string() : dump(*value);
}

/// First place of each item of a list.
std::unordered_map<std::string, size_t> places(const Json& list, const std::string& key) {
  std::unordered_map<std::string, size_t> out;
  for (size_t i = 0; list.is_array() && i < list.size(); ++i)
    out.emplace(identity(list[i], key), i);
  return out;
}

/// Items that `wanted` names come in its order; each of the others, in the order they had `before`, goes
/// before the first of them that stood after it there.
Json arrange(const Json& merged, const Json& wanted, const Json& before, const std::string& key) {
  const auto order = places(wanted, key);
  const auto old = places(before, key);
  const auto place = [&](const auto& map, const Json* item) {
    const auto it = map.find(identity(*item, key));
    return it == map.end() ? SIZE_MAX : it->second;
  };
  using Ranked = std::pair<size_t, const Json*>;
  std::vector<Ranked> patched;
  std::vector<Ranked> rest;
  for (const Json& item : merged) {
    const size_t rank = place(order, &item);
    if (rank != SIZE_MAX) {
      patched.emplace_back(rank, &item);
    } else {
      rest.emplace_back(place(old, &item), &item);
    }
  }
  const auto by_rank = [](const Ranked& a, const Ranked& b) { return a.first < b.first; };
  std::stable_sort(patched.begin(), patched.end(), by_rank);
  std::stable_sort(rest.begin(), rest.end(), by_rank);
  Json out = Json::array();
  size_t left = 0;
  for (const auto& [rank, item] : patched) {
    const size_t was = place(old, item);
    while (was != SIZE_MAX && left < rest.size() && rest[left].first < was)
      out.push_back(*rest[left++].second);
    out.push_back(*item);
  }
  for (; left < rest.size(); ++left)
    out.push_back(*rest[left].second);
  return out;
}

/// Parts of a patch that become part of the object: without nulls, and without what carries a directive;
/// nothing when the value itself does.
std::optional<Json> as_value(const Json& patch) {
  if (patch.is_array()) {
    Json out = Json::array();
    for (const Json& item : patch) {
      if (auto kept = as_value(item)) out.push_back(*std::move(kept));
    }
    return out;
  }
  if (!patch.is_object()) return patch;
  if (patch.contains("$patch")) return std::nullopt;
  Json out = Json::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) continue;
    if (auto kept = as_value(value)) out[key] = *std::move(kept);
  }
  return out;
}

Answer<Json> merge_map(Json original, Json patch, const Schema& schema);

/// All items must be of one type, and no lists; an answer means that they are not.
std::optional<Refusal> mixed_items(const Json& original, const Json& patch) {
  const Json* first = nullptr;
  for (const Json* list : {&original, &patch}) {
    for (const Json& item : *list) {
      if (first == nullptr) first = &item;
      if (first->is_array()) {
        auto refusal = server_error("lists of lists are not supported");
        refusal.error().code = 422;
        return refusal;
      }
      if (!same_go_type(*first, item))
        return server_error(fmt::format("list element types are not identical: [{} {}]", go_value(original),
                                        go_value(patch)));
    }
  }
  return std::nullopt;
}

/// The items of a patch that stand for themselves; those with a directive are done on `original`.
Answer<Json> plain_items(Json& original, const Json& patch, const std::string& key) {
  Json plain = Json::array();
  std::unordered_set<std::string> deleted;
  bool replace = false;
  for (const Json& item : patch) {
    const Json* directive = find(item, "$patch");
    if (directive == nullptr) {
      plain.push_back(item);
    } else if (*directive == "delete") {
      if (!item.contains(key)) return no_merge_key(item, key);
      deleted.insert(identity(item, key));
    } else if (*directive == "replace") {
      replace = true;
    } else if (*directive == "merge") {
      return server_error("merging lists cannot yet be specified in the patch");
    } else {
      return bad_directive(*directive, item);
    }
  }
  std::erase_if(original.get_ref<Json::array_t&>(),
                [&](const Json& item) { return deleted.contains(identity(item, key)); });
  if (!replace) return plain;
  original = std::move(plain);
  return Json::array();
}

Answer<Json> merge_maps(Json original, const Json& patch, const Schema& items, const std::string& key,
                        const Json* order) {
  const Json before = original;
  auto plain = plain_items(original, patch, key);
  if (!plain) return plain;
  auto at = places(original, key);
  for (const Json& item : *plain) {
    if (!item.contains(key)) return no_merge_key(item, key);
    const auto [slot, fresh] = at.emplace(identity(item, key), original.size());
    if (fresh) {
      original.push_back(item);
      continue;
    }
    auto merged = merge_map(std::move(original[slot->second]), item, items);
    if (!merged) return merged;
    original[slot->second] = *std::move(merged);
  }
  for (const Json& item : original) {
    if (!item.contains(key)) return no_merge_key(item, key);
  }
  return arrange(original, order != nullptr ? *order : *plain, before, key);
}

Json merge_scalars(const Json& original, const Json& patch, const Json* order) {
  Json out = Json::array();
  std::unordered_set<std::string> seen;
  for (const Json* list : {&original, &patch}) {
    for (const Json& item : *list) {
      if (seen.insert(dump(item)).second) out.push_back(item);
    }
  }
  return arrange(out, order != nullptr ? *order : patch, original, "");
}

Answer<Json> merge_list(const Json& original, const Json& patch, const Field* field, const Json* order) {
  if (original.empty() && patch.empty()) return original;
  if (auto mixed = mixed_items(original, patch)) return *std::move(mixed);
  const bool maps = (original.empty() ? patch : original)[0].is_object();
  if (!maps) return merge_scalars(original, patch, order);
  if (field == nullptr || field->merge_key.empty())
    return server_error("cannot merge lists without merge key");
  const Schema* items = field->schema->items;
  return merge_maps(original, patch, items != nullptr ? *items : any_schema(), field->merge_key, order);
}

/// The patch's items must come in the order that it asks for.
Answer<void> check_order(const Json& patch, const Json& order, const std::string& key) {
  if (patch.empty() || order.empty()) return {};
  size_t at = 0;
  const auto marked = [&] { return find(patch[at], "$patch") != nullptr; };
  for (const Json& wanted : order) {
    while (at < patch.size() && marked())
      ++at;
    if (at == patch.size()) break;
    for (const Json* item : {&patch[at], &wanted}) {
      if (key.empty()) break;
      if (!item->is_object()) return bad_argument("map[string]interface {}", *item);
      if (!item->contains(key)) return no_merge_key(*item, key);
    }
    if (identity(patch[at], key) == identity(wanted, key)) ++at;
  }
  while (at < patch.size() && marked())
    ++at;
  if (at == patch.size()) return {};
  return server_error(fmt::format("The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                                  go_value(patch), go_value(order)));
}

/// Only the keys that the patch names stay; it may set no others.
Answer<void> retain_keys(Json& original, Json& patch) {
  const auto keep = patch.find("$retainKeys");
  if (keep == patch.end()) return {};
  const Json names = std::move(*keep);
  patch.erase(keep);
  const auto named = places(names, "");
  const auto kept = [&](const std::string& key) { return named.contains(dump(Json(key))); };
  bool good = names.is_array();
  for (const auto& [key, value] : patch.items()) {
    const bool directive = key.starts_with(kOrder) || key.starts_with(kDelete);
    good = good && (value.is_null() || directive || kept(key));
  }
  if (!good) return bad_request("invalid patch format of retainKeys");
  for (auto it = original.begin(); it != original.end();)
    it = kept(it.key()) ? std::next(it) : original.erase(it);
  return {};
}

/// Merges the lists whose order the patch gives, and takes them out of it.
Answer<void> merge_ordered(Json& original, Json& patch, const Schema& schema) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : patch.items()) {
    if (key.starts_with(kOrder)) keys.push_back(key);
  }
  for (const std::string& key : keys) {
    const Json order = std::move(patch[key]);
    patch.erase(key);
    const std::string name = key.substr(kOrder.size());
    const Json* was = find(original, name);
    const Json* given = find(patch, name);
    for (const Json* list : {&order, was, given}) {
      if (list != nullptr && !list->is_array()) return bad_argument("[]interface {}", *list);
    }
    const Field* field = schema.field(name);
    if (field == nullptr && !schema.fields.empty()) {
      return server_error(fmt::format("unable to find api field in struct {} for the json field \"{}\"",
                                      schema.type_name.substr(schema.type_name.rfind('.') + 1), name));
    }
    const std::string merge_key = field == nullptr ? std::string() : field->merge_key;
    if (given != nullptr) {
      if (auto r = check_order(*given, order, merge_key); !r) return r;
    }
    if (was == nullptr && given == nullptr) continue;
    const bool replaced = field != nullptr && !field->patch_merge && given != nullptr;
    Answer<Json> merged = was == nullptr || replaced
                              ? *as_value(*given)
                              : merge_list(*was, given != nullptr ? *given : Json::array(), field, &order);
    if (!merged) return std::unexpected(std::move(merged).error());
    if (was == nullptr) merged = arrange(*merged, order, Json::array(), merge_key);
    patch.erase(name);
    original[name] = *std::move(merged);
  }
  return {};
}

Json without(const Json& list, const Json& removed) {
  const auto gone = places(removed, "");
  Json out = Json::array();
  for (const Json& item : list) {
    if (!gone.contains(dump(item))) out.push_back(item);
  }
  return out;
}

Answer<Json> merge_value(Json was, const Json& change, const Field* field, const Schema& type) {
  if (change.is_object()) {
    if (field != nullptr && field->patch_replace) return change;
    return merge_map(std::move(was), change, type);
  }
  if (change.is_array() && field != nullptr && field->patch_merge)
    return merge_list(was, change, field, nullptr);
  return change;
}

Answer<Json> merge_map(Json original, Json patch, const Schema& schema) {
  if (const Json* directive = find(patch, "$patch"); directive != nullptr) {
    if (*directive == "delete") return Json::object();
    if (*directive != "replace") return bad_directive(*directive, patch);
    patch.erase("$patch");
    return patch;
  }
  if (auto r = retain_keys(original, patch); !r) return std::unexpected(std::move(r).error());
  if (auto r = merge_ordered(original, patch, schema); !r) return std::unexpected(std::move(r).error());
  for (const auto& [given, change] : patch.items()) {
    const bool removes = given.starts_with(kDelete);
    const std::string key = removes ? given.substr(kDelete.size()) : given;
    if (change.is_null()) {
      original.erase(key);
      continue;
    }
    const auto was = original.find(key);
    const bool alike = was != original.end() && same_go_type(*was, change);
    if (removes) {
      if (alike && change.is_array()) *was = without(*was, change);
      continue;
    }
    if (!alike) {
      original.erase(key);
      if (auto value = as_value(change)) original[key] = *std::move(value);
      continue;
    }
    const Field* field = schema.field(key);
    const Schema& type = field != nullptr               ? *field->schema
                         : schema.additional != nullptr ? *schema.additional
                                                        : any_schema();
    auto merged = merge_value(std::move(*was), change, field, type);
    if (!merged) return merged;
    original[key] = *std::move(merged);
  }
  return original;
}

}  // namespace

Answer<Json> strategic_merge_patch(const Json& original, const Json& patch, const Schema& schema) {
  if (patch.is_null()) return original;
  if (!patch.is_object())
    return bad_request(fmt::format(
        "json: cannot unmarshal {} into Go value of type map[string]interface {{}}", json_word(patch)));
  return merge_map(original, patch, schema);
}

}  // namespace stowage::sandbox
