#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/core.h"

namespace stowage::sandbox {
namespace {

std::string field_text(const Json& object, std::string_view path) {
  const Json* at = &object;
  while (!path.empty() && at != nullptr) {
    const std::string_view step = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), step.size() + 1));
    at = find(*at, step);
  }
  if (at == nullptr || at->is_null()) return {};
  return at->is_string() ? at->get<std::string>() : dump(*at);
}

/// Values that selectors see although the object leaves them out.
std::string selectable_value(const Resource& resource, const Json& object, const std::string& path) {
  std::string value = field_text(object, path);
  if (!value.empty()) return value;
  if (path == "spec.unschedulable" || path == "spec.hostNetwork") return "false";
  if (path == "source" && resource.kind == "Event") {
    value = string_at(object, {"source", "component"});
    return value.empty() ? string_at(object, {"reportingComponent"}) : value;
  }
  return value;
}

/// Versions of a kind differ in apiVersion alone; only events have two shapes.
bool converted(const Resource& resource) {
  return resource.kind == "Event" && !resource.custom &&
         resource.api_version() != resource.storage_api_version;
}

void append_typed(std::string& out, const Resource& resource, const Object& object) {
  out += R"({"kind":")";
  out += resource.kind;
  out += R"(","apiVersion":")";
  out += resource.api_version();
  out += R"(",)";
  out.append(object.body, 1);
}

}  // namespace

std::string new_uid(Random& random) {
  const uint64_t high = random.next();
  const uint64_t low = random.next();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xfff,
                     (low >> 48 & 0x3fff) | 0x8000, low & 0xffffffffffff);
}

std::string random_suffix(Random& random) {
  // No vowels and no digits that look like them: apimachinery's rand.String.
  static constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (int i = 0; i < 5; ++i)
    out += kAlphabet[random.below(kAlphabet.size())];
  return out;
}

Subject subject_of(const Resource& resource, std::string_view name) {
  return {resource.group, resource.plural, resource.kind, name};
}

Subject Call::subject() const {
  return subject_of(*resource, name);
}

ObjectPtr make_object(const Resource& resource, const Json& object, uint64_t version) {
  auto out = std::make_shared<Object>();
  const Json& metadata = object.at("metadata");
  out->name = string_at(metadata, {"name"});
  out->ns = string_at(metadata, {"namespace"});
  out->uid = string_at(metadata, {"uid"});
  out->key = resource.key(out->ns, out->name);
  out->version = version;
  if (const Json* labels = find(metadata, "labels"); labels != nullptr && labels->is_object()) {
    out->labels.reserve(labels->size());
    for (const auto& [key, value] : labels->items()) {
      if (value.is_string()) out->labels.emplace_back(key, value.get<std::string>());
    }
  }
  if (const Json* owners = find(metadata, "ownerReferences"); owners != nullptr && owners->is_array()) {
    for (const Json& owner : *owners)
      out->owners.push_back(string_at(owner, {"uid"}));
  }
  out->deleting = metadata.contains("deletionTimestamp");
  const auto& paths = resource.collection->selectable_fields();
  out->fields.reserve(paths.size());
  for (const std::string& path : paths)
    out->fields.push_back(selectable_value(resource, object, path));
  out->body = dump_untyped(object);
  return out;
}

Json read_object(const Resource& resource, const Object& object) {
  Json out = parse_stored(object.body);
  if (converted(resource)) convert_event(out, resource.api_version());
  out["apiVersion"] = resource.api_version();
  out["kind"] = resource.kind;
  return out;
}

std::string served_text(const Resource& resource, const Object& object) {
  if (converted(resource)) return dump(read_object(resource, object));
  std::string out;
  out.reserve(object.body.size() + 96);
  append_typed(out, resource, object);
  return out;
}

void append_item(std::string& out, const Resource& resource, const Object& object) {
  if (resource.custom) return append_typed(out, resource, object);
  if (!converted(resource)) {
    out += object.body;
    return;
  }
  Json item = read_object(resource, object);
  item.erase("apiVersion");
  item.erase("kind");
  out += dump(item);
}

}  // namespace stowage::sandbox
