#include "sandbox/apiserver/apply/managed_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {
namespace {

struct Entry {
  std::string manager, operation, api_version, subresource, time;
  FieldSet fields;
};

std::vector<Entry> read_entries(const Json& object) {
  std::vector<Entry> out;
  const Json* list = find_path(object, {"metadata", "managedFields"});
  if (list == nullptr || !list->is_array()) return out;
  for (const Json& item : *list) {
    const Json* fields = find(item, "fieldsV1");
    out.push_back({string_at(item, {"manager"}), string_at(item, {"operation"}),
                   string_at(item, {"apiVersion"}), string_at(item, {"subresource"}),
                   string_at(item, {"time"}), fields == nullptr ? FieldSet{} : FieldSet::from_json(*fields)});
  }
  return out;
}

void write_entries(Json& object, std::vector<Entry> entries) {
  std::erase_if(entries, [](const Entry& e) { return e.fields.empty(); });
  // Applies first, then by time and name: the order in which kube-apiserver lists them.
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.operation, a.time, a.manager, a.api_version, a.subresource) <
           std::tie(b.operation, b.time, b.manager, b.api_version, b.subresource);
  });
  if (entries.empty()) {
    if (object.contains("metadata")) object["metadata"].erase("managedFields");
    return;
  }
  Json list = Json::array();
  for (Entry& e : entries) {
    Json item = {{"manager", std::move(e.manager)},
                 {"operation", std::move(e.operation)},
                 {"apiVersion", std::move(e.api_version)},
                 {"fieldsType", "FieldsV1"},
                 {"fieldsV1", e.fields.to_json()}};
    if (!e.time.empty()) item["time"] = std::move(e.time);
    if (!e.subresource.empty()) item["subresource"] = std::move(e.subresource);
    list.push_back(std::move(item));
  }
  object["metadata"]["managedFields"] = std::move(list);
}

/// Fields that belong to the server, never to a manager.
void strip(FieldSet& set) {
  for (const char* name : {"f:apiVersion", "f:kind"})
    set.children.erase(name);
  const auto metadata = set.children.find("f:metadata");
  if (metadata == set.children.end()) return;
  for (const char* name : {"f:name", "f:namespace", "f:creationTimestamp", "f:selfLink", "f:uid",
                           "f:generation", "f:managedFields", "f:resourceVersion"}) {
    metadata->second.children.erase(name);
  }
  metadata->second.member = false;
  if (metadata->second.empty()) set.children.erase(metadata);
}

void strip(Comparison& c) {
  strip(c.added);
  strip(c.modified);
  strip(c.removed);
}

Entry* find_entry(std::vector<Entry>& entries, const Writer& writer, std::string_view operation) {
  for (Entry& e : entries) {
    if (e.manager == writer.manager && e.operation == operation && e.subresource == writer.subresource &&
        e.api_version == writer.api_version) {
      return &e;
    }
  }
  return nullptr;
}

/// `"name" with subresource "status" using v1`, in kube's words.
std::string describe(const Entry& e) {
  std::string out = fmt::format("\"{}\"", e.manager);
  if (!e.subresource.empty()) out += fmt::format(" with subresource \"{}\"", e.subresource);
  if (e.operation == "Update") {
    out += " using " + e.api_version;
  }
  return out;
}

Refusal apply_conflict(const std::vector<std::pair<std::string, std::vector<std::string>>>& conflicts) {
  ApiError error;
  error.code = 409;
  error.reason = "Conflict";
  size_t count = 0;
  for (const auto& [manager, paths] : conflicts)
    count += paths.size();
  std::string text;
  for (const auto& [manager, paths] : conflicts) {
    if (!text.empty()) text += "\n";
    text += count == 1 ? fmt::format("conflict with {}: {}", manager, paths[0])
                       : fmt::format("conflicts with {}:", manager);
    for (const std::string& path : paths) {
      if (count > 1) text += "\n- " + path;
      error.causes.push_back({"FieldManagerConflict", "conflict with " + manager, path});
    }
  }
  error.message = fmt::format("Apply failed with {} conflict{}: {}", count, count == 1 ? "" : "s", text);
  return Refusal(std::move(error));
}

/// A client may rewrite managedFields of the main resource, or drop them with an empty list or entry.
std::vector<Entry> entries_to_start_from(const Json& before, const Json& after, const Writer& writer) {
  if (before.is_null()) return {};
  if (!writer.subresource.empty()) return read_entries(before);
  const Json* given = find_path(after, {"metadata", "managedFields"});
  const bool list = given != nullptr && given->is_array();
  if (list && (given->empty() || (given->size() == 1 && (*given)[0].empty()))) return {};
  std::vector<Entry> entries = list ? read_entries(after) : std::vector<Entry>();
  return entries.empty() ? read_entries(before) : entries;
}

/// At most ten updaters are told apart; the oldest are put together as "ancient-changes" per version.
void cap_updaters(std::vector<Entry>& entries) {
  constexpr size_t kMost = 10;
  std::vector<Entry*> updaters;
  for (Entry& e : entries) {
    if (e.operation == "Update" && !e.fields.empty()) updaters.push_back(&e);
  }
  if (updaters.size() <= kMost) return;
  std::sort(updaters.begin(), updaters.end(), [](const Entry* a, const Entry* b) {
    return std::tie(a->time, a->manager) < std::tie(b->time, b->manager);
  });
  size_t left = updaters.size();
  std::map<std::string, Entry*> buckets;
  for (size_t i = 0; i < updaters.size() && left > kMost; ++i) {
    Entry* const next = updaters[i];
    Entry*& bucket = buckets[next->api_version];
    if (bucket == nullptr) {
      bucket = next;
      continue;
    }
    bucket->manager = "ancient-changes";
    bucket->subresource.clear();
    bucket->fields = unite(bucket->fields, next->fields);
    bucket->time = next->time;
    next->fields = {};
    --left;
  }
}

constexpr const char* kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/// Fields that kubectl's client-side apply set and that still have the value it gave them: its server-side
/// apply may take these without a conflict.
FieldSet client_side_fields(const Json& live, const Schema& schema, const Writer& writer) {
  const Json last = Json::parse(string_at(live, {"metadata", "annotations", kLastApplied}), nullptr, false);
  if (!last.is_object() || string_at(last, {"apiVersion"}) != writer.api_version) return {};
  const Comparison change = compare(last, live, schema);
  return subtract(subtract(fields_of(last, schema), change.touched()), change.removed);
}

/// Keeps the annotation of client-side apply in step, where there is one.
void update_last_applied(Json& merged, const Json& applied) {
  if (string_at(merged, {"metadata", "annotations", kLastApplied}).empty()) return;
  Json bare = applied;
  if (Json* annotations =
          bare["metadata"].contains("annotations") ? &bare["metadata"]["annotations"] : nullptr;
      annotations != nullptr && annotations->is_object()) {
    annotations->erase(kLastApplied);
    if (annotations->empty()) bare["metadata"].erase("annotations");
  }
  merged["metadata"]["annotations"][kLastApplied] = dump(bare) + "\n";
}

}  // namespace

void track_update(const Json& before, Json& after, const Schema& schema, const Writer& writer, WallTime now) {
  std::vector<Entry> entries = entries_to_start_from(before, after, writer);
  Comparison change = compare(before, after, schema);
  strip(change);
  const FieldSet touched = change.touched();
  Entry* own = find_entry(entries, writer, "Update");
  if (own == nullptr && !touched.empty()) {
    entries.push_back({writer.manager, "Update", writer.api_version, writer.subresource, "", {}});
    own = &entries.back();
  }
  for (Entry& e : entries) {
    FieldSet next =
        subtract(&e == own ? unite(e.fields, touched) : subtract(e.fields, touched), change.removed);
    e.fields = std::move(next);
  }
  // Only the writer's own entry says when it last wrote; the others merely lost something.
  // Through the scale subresource no time is noted.
  if (own != nullptr && !touched.empty() && writer.subresource != "scale") own->time = format_rfc3339(now);
  cap_updaters(entries);
  write_entries(after, std::move(entries));
}

Answer<Json> apply_configuration(const Json& live, const Json& applied, const Schema& schema,
                                 const Writer& writer, bool force, WallTime now) {
  std::vector<Entry> entries = read_entries(live);
  FieldSet set = fields_of(applied, schema);
  strip(set);
  FieldSet last;
  FieldSet others;
  for (const Entry& e : entries) {
    const bool own =
        e.manager == writer.manager && e.operation == "Apply" && e.subresource == writer.subresource;
    (own ? last : others) = unite(own ? last : others, e.fields);
  }

  Json merged = live.is_null() ? applied : merge_applied(live, applied, schema);
  bool changed = live.is_null();
  if (!live.is_null()) {
    Comparison change = compare(live, merged, schema);
    strip(change);
    const FieldSet touched = change.touched();
    const FieldSet allowed =
        writer.manager == "kubectl" && !force ? client_side_fields(live, schema, writer) : FieldSet{};
    std::vector<std::pair<std::string, std::vector<std::string>>> conflicts;
    for (Entry& e : entries) {
      if (e.manager == writer.manager && e.operation == "Apply" && e.subresource == writer.subresource)
        continue;
      const FieldSet clash = intersect(e.fields, touched);
      if (clash.empty()) continue;
      if (!force) {
        if (const FieldSet rest = subtract(clash, allowed); !rest.empty())
          conflicts.emplace_back(describe(e), rest.paths());
      }
      e.fields = subtract(e.fields, clash);
    }
    std::sort(conflicts.begin(), conflicts.end());
    if (!conflicts.empty()) return apply_conflict(conflicts);
    prune_dropped(merged, schema, last, set, others);
    change = compare(live, merged, schema);
    strip(change);
    changed = !change.touched().empty() || !change.removed.empty();
  }
  if (writer.manager == "kubectl") update_last_applied(merged, applied);

  Entry* own = find_entry(entries, writer, "Apply");
  std::erase_if(entries, [&](const Entry& e) {  // the same manager under another version of the kind
    return &e != own && e.manager == writer.manager && e.operation == "Apply" &&
           e.subresource == writer.subresource;
  });
  own = find_entry(entries, writer, "Apply");
  // An apply that changes no value leaves no time, and does not renew one.
  const std::string time = changed ? format_rfc3339(now) : std::string();
  if (own == nullptr) {
    entries.push_back({writer.manager, "Apply", writer.api_version, writer.subresource, time, set});
  } else {
    own->fields = std::move(set);
    if (changed) own->time = time;
  }
  write_entries(merged, std::move(entries));
  return merged;
}

}  // namespace stowage::sandbox
