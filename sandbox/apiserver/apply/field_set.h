#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox {

/// A set of paths in an object, as managedFields keeps it. Children are keyed by FieldsV1's own words:
/// "f:name", `k:{"name":"a"}`, `v:"x"`.
struct FieldSet {
  bool member = false;  ///< The path itself is in the set.
  std::map<std::string, FieldSet, std::less<>> children = {};

  [[nodiscard]] bool empty() const;
  [[nodiscard]] const FieldSet* child(std::string_view element) const;
  /// Paths as people read them: `.spec.containers[name="a"].image`.
  [[nodiscard]] std::vector<std::string> paths() const;
  bool operator==(const FieldSet&) const = default;

  static FieldSet from_json(const Json& fields_v1);
  [[nodiscard]] Json to_json() const;
};

FieldSet unite(const FieldSet& a, const FieldSet& b);
FieldSet subtract(const FieldSet& a, const FieldSet& b);
FieldSet intersect(const FieldSet& a, const FieldSet& b);

/// What changed from one object to another.
struct Comparison {
  FieldSet added, modified, removed;
  [[nodiscard]] FieldSet touched() const { return unite(added, modified); }
};

/// The element of a list item under its list's type: by keys, by value; empty for items without their keys.
std::string item_element(const Schema& list, const Json& item);

/// Every path that an applied configuration names.
/// Algorithm: structured-merge-diff, typed.ToFieldSet.
FieldSet fields_of(const Json& value, const Schema& schema);
/// Algorithm: structured-merge-diff, typed.Compare.
Comparison compare(const Json& before, const Json& after, const Schema& schema);
/// `applied` laid over `live`: structs and maps by key, associative lists by item, everything else replaced.
Json merge_applied(const Json& live, const Json& applied, const Schema& schema);
/// Takes out of `value` what `last` named, `applied` no longer names, and nobody of `others` owns.
void prune_dropped(Json& value, const Schema& schema, const FieldSet& last, const FieldSet& applied,
                   const FieldSet& others);

}  // namespace stowage::sandbox
