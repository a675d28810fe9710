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

}  // namespace

void track_update(const Json& before, Json& after, const Schema& schema, const Writer& writer, WallTime now) {
  std::vector<Entry> entries = read_entries(before.is_null() ? after : before);
  if (before.is_null()) entries.clear();
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
    if (next == e.fields) continue;
    // Only the writer's own entry says when it last wrote; the others merely lost something.
    if (&e == own) e.time = format_rfc3339(now);
    e.fields = std::move(next);
  }
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
  if (!live.is_null()) {
    Comparison change = compare(live, merged, schema);
    strip(change);
    const FieldSet touched = change.touched();
    std::vector<std::pair<std::string, std::vector<std::string>>> conflicts;
    for (Entry& e : entries) {
      if (e.manager == writer.manager && e.operation == "Apply" && e.subresource == writer.subresource)
        continue;
      const FieldSet clash = intersect(e.fields, touched);
      if (clash.empty()) continue;
      if (!force) conflicts.emplace_back(describe(e), clash.paths());
      e.fields = subtract(e.fields, clash);
    }
    if (!conflicts.empty()) return apply_conflict(conflicts);
    prune_dropped(merged, schema, last, set, others);
  }

  Entry* own = find_entry(entries, writer, "Apply");
  std::erase_if(entries, [&](const Entry& e) {  // the same manager under another version of the kind
    return &e != own && e.manager == writer.manager && e.operation == "Apply" &&
           e.subresource == writer.subresource;
  });
  own = find_entry(entries, writer, "Apply");
  if (own == nullptr) {
    entries.push_back(
        {writer.manager, "Apply", writer.api_version, writer.subresource, format_rfc3339(now), set});
  } else if (own->fields != set) {
    own->fields = std::move(set);
    own->time = format_rfc3339(now);
  }
  write_entries(merged, std::move(entries));
  return merged;
}

}  // namespace stowage::sandbox
