#include "sandbox/apiserver/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace stowage::sandbox {
namespace {

Json column_definitions(const std::vector<Column>& columns) {
  Json out = Json::array();
  for (const Column& c : columns) {
    out.push_back({{"name", c.name},
                   {"type", c.type},
                   {"format", c.format},
                   {"description", c.description},
                   {"priority", c.priority}});
  }
  return out;
}

/// Enough of a resource to print the Scale of any kind.
const Resource& scale_resource() {
  static const Resource resource = [] {
    Resource out;
    out.group = "autoscaling";
    out.version = "v1";
    out.kind = "Scale";
    return out;
  }();
  return resource;
}

bool contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

}  // namespace

Form form_of(std::string_view accept) {
  while (!accept.empty()) {
    const std::string_view entry = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), entry.size() + 1));
    if (!contains(entry, "json") && !contains(entry, "*/*")) continue;
    if (contains(entry, "as=Table") && contains(entry, "v=v1") && !contains(entry, "v=v1beta1"))
      return Form::kTable;
    if (contains(entry, "as=PartialObjectMetadata") && !contains(entry, "v=v1beta1")) return Form::kPartial;
    if (!contains(entry, "as=")) return Form::kPlain;
  }
  return Form::kPlain;
}

bool acceptable(std::string_view accept) {
  return accept.empty() || contains(accept, "json") || contains(accept, "yaml") || contains(accept, "*/*") ||
         contains(accept, "application/*");
}

bool prefers_yaml(std::string_view accept) {
  while (!accept.empty()) {
    const std::string_view entry = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), entry.size() + 1));
    if (contains(entry, "application/yaml")) return true;
    if (contains(entry, "json") || contains(entry, "*/*") || contains(entry, "application/*")) return false;
  }
  return false;
}

Include include_of(const Call& call) {
  const std::string_view include = call.query.get("includeObject");
  return include == "Object" ? Include::kObject : include == "None" ? Include::kNone : Include::kMetadata;
}

Json partial_metadata(const Json& object) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", object.at("metadata")}};
}

Json table_of(const Resource& resource, const std::vector<const Json*>& objects, Include include,
              WallTime now, bool headers) {
  Json rows = Json::array();
  for (const Json* object : objects) {
    Json row = {{"cells", cells_of(resource, *object, now)}};
    if (include == Include::kObject) row["object"] = *object;
    if (include == Include::kMetadata) row["object"] = partial_metadata(*object);
    rows.push_back(std::move(row));
  }
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", Json::object()},
          {"columnDefinitions", headers ? column_definitions(columns_of(resource)) : Json(nullptr)},
          {"rows", std::move(rows)}};
}

Response respond_object(const Core&, const Call& call, int status, const Json& object) {
  Response response;
  response.status = status;
  const Form form = form_of(call.request.accept);
  const bool scale = call.subresource == "scale";
  const bool own_kind = scale || string_at(object, {"kind"}) == call.resource->kind;
  if (form == Form::kTable && own_kind) {
    Json table =
        table_of(scale ? scale_resource() : *call.resource, {&object}, include_of(call), call.now, true);
    table["metadata"]["resourceVersion"] = string_at(object, {"metadata", "resourceVersion"});
    response.body = dump(table);
  } else if (form == Form::kPartial && own_kind) {
    response.body = dump(partial_metadata(object));
  } else {
    response.body = dump(object);
  }
  response.body += '\n';
  return response;
}

}  // namespace stowage::sandbox
