#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/apply/field_set.h"
#include "sandbox/apiserver/apply/shape.h"
#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {
namespace {

const Json& null_value() {
  static const Json value = nullptr;
  return value;
}

bool leaf_object(const Json& value, bool atomic) {
  return atomic || !value.is_object();
}

void walk_fields(const Json& value, const Schema& schema, bool atomic, FieldSet& out) {
  if (value.is_array() && associative(schema) && !atomic) {
    for (const Json& item : value) {
      const std::string element = item_element(schema, item);
      if (element.empty()) continue;
      FieldSet& child = out.children[element];
      child.member = true;
      if (item.is_object()) walk_fields(item, *schema.items, schema.items->atomic, child);
    }
    return;
  }
  if (leaf_object(value, atomic)) {
    out.member = true;
    return;
  }
  for (const auto& [key, sub] : value.items()) {
    const Member m = member(schema, key);
    FieldSet& child = out.children["f:" + key];
    if (sub.is_null() || (sub.is_object() && sub.empty()) || m.field == nullptr) child.member = true;
    if (!sub.is_null()) walk_fields(sub, *m.schema, m.atomic, child);
  }
}

/// `present`: before counts as an empty struct where it is absent (structs that are never left out).
struct Comparer {
  Comparison& out;
  std::vector<const std::string*> path = {};

  void put(FieldSet& set) {
    FieldSet* at = &set;
    for (const std::string* element : path)
      at = &at->children[*element];
    at->member = true;
  }

  void leaf(const Json* before, const Json* after) {
    if (before == nullptr && after == nullptr) return;
    if (before == nullptr) return put(out.added);
    if (after == nullptr) return put(out.removed);
    if (*before != *after) put(out.modified);
  }

  void descend(const std::string& element, const Json* before, const Json* after, const Schema& schema,
               bool atomic, bool always) {
    path.push_back(&element);
    walk(before, after, schema, atomic, always);
    path.pop_back();
  }

  void walk(const Json* before, const Json* after, const Schema& schema, bool atomic, bool always) {
    if (before != nullptr && before->is_null()) before = nullptr;
    if (after != nullptr && after->is_null()) after = nullptr;
    if (before == nullptr && after == nullptr) return;
    if (before != nullptr && after != nullptr && *before == *after) return;
    const Json& shape = after != nullptr ? *after : *before;
    const bool same_shape = before == nullptr || after == nullptr || before->type() == after->type();
    const bool list = shape.is_array() && associative(schema);
    const auto hollow = [](const Json* v) { return v == nullptr || v->empty(); };
    if (!same_shape || atomic || !(list || shape.is_object()) || (hollow(before) && hollow(after))) {
      return leaf(before, after);
    }
    if (!path.empty() && !always) {
      if (before == nullptr) put(out.added);
      if (after == nullptr) put(out.removed);
    }
    if (list) return items(before, after, schema);
    // Struct fields that are never absent count as present on both sides, as long as their parent does.
    const bool parent_present = (before != nullptr || always) && (after != nullptr || always);
    const auto both = [&](const std::string& key) {
      const Member m = member(schema, key);
      const Json* was = before == nullptr ? nullptr : find(*before, key);
      const Json* is = after == nullptr ? nullptr : find(*after, key);
      const std::string element = "f:" + key;
      descend(element, was, is, *m.schema, m.atomic,
              m.field != nullptr && parent_present && never_absent(schema, *m.field));
    };
    if (after != nullptr) {
      for (const auto& [key, value] : after->items())
        both(key);
    }
    if (before != nullptr) {
      for (const auto& [key, value] : before->items()) {
        if (after == nullptr || !after->contains(key)) both(key);
      }
    }
  }

  void items(const Json* before, const Json* after, const Schema& schema) {
    std::map<std::string, std::pair<const Json*, const Json*>> all;
    const auto index = [&](const Json* list, bool second) {
      if (list == nullptr) return;
      for (const Json& item : *list) {
        const std::string element = item_element(schema, item);
        if (!element.empty()) (second ? all[element].second : all[element].first) = &item;
      }
    };
    index(before, false);
    index(after, true);
    for (const auto& [element, pair] : all) {
      descend(element, pair.first, pair.second, *schema.items, schema.items->atomic, false);
    }
  }
};

/// In place: each level would otherwise copy everything below it once more.
void merge_value(Json& live, const Json& applied, const Schema& schema, bool atomic) {
  const bool list = applied.is_array() && associative(schema);
  if (applied.is_null() && !atomic && live.is_structured()) return;  // names it, and nothing in it
  if (atomic || live.type() != applied.type() || !(applied.is_object() || list)) {
    live = applied;
    return;
  }
  if (applied.is_object()) {
    for (const auto& [key, value] : applied.items()) {
      const Member m = member(schema, key);
      const auto [slot, fresh] = live.get_ref<Json::object_t&>().try_emplace(key, value);
      if (!fresh) merge_value(slot->second, value, *m.schema, m.atomic);
    }
    return;
  }
  std::map<std::string, size_t> position;
  for (size_t i = 0; i < live.size(); ++i)
    position.emplace(item_element(schema, live[i]), i);
  for (const Json& item : applied) {
    const auto [at, fresh] = position.emplace(item_element(schema, item), live.size());
    if (fresh) {
      live.push_back(item);
    } else {
      merge_value(live[at->second], item, *schema.items, schema.items->atomic);
    }
  }
}

void prune_value(Json& value, const Schema& schema, const FieldSet& last, const FieldSet& applied,
                 const FieldSet& others) {
  static const FieldSet nothing;
  const auto decide = [&](const std::string& element, Json& slot, const Schema& type, bool atomic) {
    const FieldSet* was = last.child(element);
    if (was == nullptr) return true;
    const FieldSet* now = applied.child(element);
    const FieldSet* other = others.child(element);
    // What was named only for its contents goes with them, not before.
    const bool contents = !atomic && !was->member && slot.is_structured();
    if (now == nullptr && other == nullptr && !contents) return false;
    if (!atomic) prune_value(slot, type, *was, now ? *now : nothing, other ? *other : nothing);
    return now != nullptr || other != nullptr || !slot.empty();
  };
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      const Member m = member(schema, it.key());
      it = decide("f:" + it.key(), it.value(), *m.schema, m.atomic) ? std::next(it) : value.erase(it);
    }
  } else if (value.is_array() && associative(schema)) {
    Json kept = Json::array();
    for (Json& item : value) {
      if (decide(item_element(schema, item), item, *schema.items, schema.items->atomic))
        kept.push_back(std::move(item));
    }
    value = std::move(kept);
  }
}

}  // namespace

Member member(const Schema& schema, std::string_view key) {
  static const Schema any;
  if (const Field* field = schema.field(key)) {
    return {field->schema, field, field->atomic || field->schema->atomic};
  }
  const Schema* type = schema.additional != nullptr ? schema.additional : &any;
  return {type, nullptr, type->atomic};
}

bool associative(const Schema& schema) {
  return schema.type == Type::kArray && schema.list_type != ListType::kAtomic && schema.items != nullptr;
}

bool never_absent(const Schema& owner, const Field& field) {
  return field.always || (field.required && field.schema->type == Type::kArray && !owner.type_name.empty());
}

FieldSet fields_of(const Json& value, const Schema& schema) {
  FieldSet out;
  walk_fields(value, schema, false, out);
  out.member = false;
  return out;
}

Comparison compare(const Json& before, const Json& after, const Schema& schema) {
  Comparison out;
  const Json& was = before.is_null() ? null_value() : before;
  Comparer{out}.walk(was.is_null() ? nullptr : &was, after.is_null() ? nullptr : &after, schema, false, true);
  return out;
}

Json merge_applied(const Json& live, const Json& applied, const Schema& schema) {
  Json out = live;
  merge_value(out, applied, schema, false);
  return out;
}

void prune_dropped(Json& value, const Schema& schema, const FieldSet& last, const FieldSet& applied,
                   const FieldSet& others) {
  prune_value(value, schema, last, applied, others);
}

}  // namespace stowage::sandbox
