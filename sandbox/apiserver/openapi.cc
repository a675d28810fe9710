#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "sandbox/apiserver/custom/constraints.h"
#include "sandbox/apiserver/documents.h"
#include "sandbox/apiserver/prose.h"

namespace stowage::sandbox {
namespace {

/// "core.v1.Pod" -> "io.k8s.api.core.v1.Pod": the names that clients know.
std::string public_name(const std::string& type) {
  if (type.starts_with("meta.v1.")) return "io.k8s.apimachinery.pkg.apis." + type;
  if (type.starts_with("apiextensions.v1.")) return "io.k8s.apiextensions-apiserver.pkg.apis." + type;
  return "io.k8s.api." + type;
}

std::string custom_name(const Resource& r) {
  std::string out;  // group segments reversed: dev.stowage.v1alpha1.ModelDeployment
  std::string_view rest = r.group;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('.'));
    out = std::string(part) + "." + out;
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  return out + r.version + "." + r.kind;
}

std::string reference(const std::string& name) {
  return "#/components/schemas/" + name;
}

class Document {
 public:
  Document(const Core& core, std::string group, std::string version)
      : core_(core), group_(std::move(group)), version_(std::move(version)) {}

  Json build() {
    Json paths = Json::object();
    for (const ResourcePtr& r : core_.registry.all()) {
      if (r->group == group_ && r->version == version_) add_resource(*r, paths);
    }
    return {{"openapi", "3.0.0"},
            {"info", {{"title", "Kubernetes"}, {"version", "v1.37.2"}}},
            {"paths", std::move(paths)},
            {"components", {{"schemas", std::move(schemas_)}}}};
  }

 private:
  Json gvk(const Resource& r) const { return {{"group", r.group}, {"version", r.version}, {"kind", r.kind}}; }

  static Json parameter(const char* name, const char* type) {
    return {{"name", name}, {"in", "query"}, {"schema", {{"type", type}, {"uniqueItems", true}}}};
  }

  Json operation(const Resource& r, const char* action, const std::string& schema, bool body) const {
    Json parameters = Json::array();
    const std::string_view verb = action;
    if (verb == "post" || verb == "put" || verb == "patch") {
      for (const char* name : {"dryRun", "fieldManager", "fieldValidation"})
        parameters.push_back(parameter(name, "string"));
      if (verb == "patch") parameters.push_back(parameter("force", "boolean"));
    }
    Json out = {{"operationId", fmt::format("{}{}{}{}", verb, r.group, r.version, r.kind)},
                {"parameters", std::move(parameters)},
                {"x-kubernetes-action", verb},
                {"x-kubernetes-group-version-kind", gvk(r)},
                {"responses",
                 {{"200",
                   {{"description", "OK"},
                    {"content", {{"application/json", {{"schema", {{"$ref", reference(schema)}}}}}}}}}}}};
    if (body) {
      Json content = Json::object();
      if (verb == "patch") {
        for (const char* type :
             {"application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"})
          content[type] = {{"schema", Json::object()}};
        if (!r.custom) content["application/strategic-merge-patch+json"] = {{"schema", Json::object()}};
      } else {
        content["*/*"] = {{"schema", {{"$ref", reference(schema)}}}};
      }
      out["requestBody"] = {{"required", true}, {"content", std::move(content)}};
    }
    return out;
  }

  void add_resource(const Resource& r, Json& paths) {
    const std::string name = r.custom ? custom_name(r) : public_name(r.schema->type_name);
    if (r.custom) {
      schemas_[name] = schema_of(*r.schema);
      Json& properties = schemas_[name]["properties"];
      for (const char* key : {"apiVersion", "kind"}) {
        properties[key]["type"] = "string";
        add_prose(std::string("core.v1.Pod.") + key, properties[key]);  // the same words everywhere
      }
      add_prose("core.v1.Pod.metadata", properties["metadata"]);
    } else {
      add_type(*r.schema);
    }
    schemas_[name]["x-kubernetes-group-version-kind"] = Json::array({gvk(r)});
    const std::string list = name + "List";
    schemas_[list] = {
        {"type", "object"},
        {"required", {"items"}},
        {"properties",
         {{"apiVersion", {{"type", "string"}}},
          {"kind", {{"type", "string"}}},
          {"metadata", {{"type", "object"}}},
          {"items",
           {{"type", "array"}, {"items", {{"allOf", Json::array({{{"$ref", reference(name)}}})}}}}}}},
        {"x-kubernetes-group-version-kind",
         Json::array({{{"group", r.group}, {"version", r.version}, {"kind", r.list_kind}}})}};
    const std::string root =
        r.group.empty() ? "/api/" + r.version : fmt::format("/apis/{}/{}", r.group, r.version);
    const std::string collection = root + (r.namespaced ? "/namespaces/{namespace}/" : "/") + r.plural;
    paths[collection] = {{"get", operation(r, "list", list, false)},
                         {"post", operation(r, "post", name, true)}};
    if (r.namespaced) paths[root + "/" + r.plural] = {{"get", operation(r, "list", list, false)}};
    Json item = {{"get", operation(r, "get", name, false)},
                 {"put", operation(r, "put", name, true)},
                 {"patch", operation(r, "patch", name, true)},
                 {"delete", operation(r, "delete", name, false)}};
    paths[collection + "/{name}"] = item;
    for (const Subresource& sub : r.subresources) {
      Json entry = Json::object();
      for (const std::string& verb : sub.verbs) {
        const char* method = verb == "update" ? "put" : verb == "create" ? "post" : verb.c_str();
        entry[method] = operation(r, method, name, verb != "get");
      }
      paths[collection + "/{name}/" + sub.name] = std::move(entry);
    }
  }

  void add_type(const Schema& type) {
    const std::string name = public_name(type.type_name);
    if (!done_.insert(name).second) return;
    schemas_[name] = Json::object();  // before the fields: types may contain themselves
    Json body = struct_of(type);
    schemas_[name] = std::move(body);
  }

  Json struct_of(const Schema& type) {
    Json out = {{"type", "object"}};
    Json required = Json::array();
    for (const auto& [key, field] : type.fields) {
      Json property = property_of(type, field);
      if (!type.type_name.empty()) add_prose(type.type_name + "." + key, property);
      if (field.required) required.push_back(key);
      out["properties"][key] = std::move(property);
    }
    if (!type.type_name.empty()) add_prose(type.type_name, out);
    if (!required.empty()) out["required"] = std::move(required);
    if (type.atomic) out["x-kubernetes-map-type"] = "atomic";
    return out;
  }

  /// A type without a shape that clients know by name.
  Json shapeless(const std::string& name, std::string_view label) {
    schemas_[name] = {{"type", "object"}};
    add_prose(label, schemas_[name]);
    return {{"$ref", reference(name)}};
  }

  Json property_of(const Schema& type, const Field& field) {
    Json out = schema_of(*field.schema);
    if (field.name == "fieldsV1") out = shapeless(public_name("meta.v1.FieldsV1"), "meta.v1.FieldsV1");
    if (field.name == "data" && type.type_name == "apps.v1.ControllerRevision")
      out = shapeless("io.k8s.apimachinery.pkg.runtime.RawExtension", "runtime.RawExtension");
    if (out.contains("$ref")) out = {{"allOf", Json::array({out})}};
    if (field.default_value) out["default"] = *field.default_value;
    if (field.patch_merge || field.retain_keys) {
      out["x-kubernetes-patch-strategy"] = field.patch_merge && field.retain_keys ? "merge,retainKeys"
                                           : field.patch_merge                    ? "merge"
                                                                                  : "retainKeys";
    }
    if (!field.merge_key.empty()) out["x-kubernetes-patch-merge-key"] = field.merge_key;
    if (field.atomic) out["x-kubernetes-map-type"] = "atomic";
    return out;
  }

  Json schema_of(const Schema& s) {
    if (!s.type_name.empty()) {
      add_type(s);
      return {{"$ref", reference(public_name(s.type_name))}};
    }
    Json out = scalar_of(s);
    if (s.constraints == nullptr && (s.type == Type::kQuantity || s.type == Type::kIntOrString)) {
      const char* name = s.type == Type::kQuantity ? "io.k8s.apimachinery.pkg.api.resource.Quantity"
                                                   : "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
      add_prose(s.type == Type::kQuantity ? "resource.Quantity" : "intstr.IntOrString", out);
      schemas_[name] = std::move(out);
      return {{"$ref", reference(name)}};
    }
    if (s.type == Type::kObject) {
      if (!s.fields.empty()) out = struct_of(s);
      if (s.additional != nullptr) out["additionalProperties"] = schema_of(*s.additional);
    }
    if (s.type == Type::kArray) {
      out["items"] = s.items != nullptr ? schema_of(*s.items) : Json::object();
      if (s.list_type == ListType::kMap) {
        out["x-kubernetes-list-type"] = "map";
        out["x-kubernetes-list-map-keys"] = s.list_keys;
      } else if (s.list_type == ListType::kSet) {
        out["x-kubernetes-list-type"] = "set";
      }
    }
    if (!s.description.empty()) out["description"] = s.description;
    if (s.constraints != nullptr && !s.constraints->allowed.empty()) out["enum"] = s.constraints->allowed;
    if (s.preserve_unknown) out["x-kubernetes-preserve-unknown-fields"] = true;
    if (s.nullable) out["nullable"] = true;
    return out;
  }

  static Json scalar_of(const Schema& s) {
    switch (s.type) {
      case Type::kObject:
        return {{"type", "object"}};
      case Type::kArray:
        return {{"type", "array"}};
      case Type::kString:
        return s.format.empty() ? Json{{"type", "string"}} : Json{{"type", "string"}, {"format", s.format}};
      case Type::kBool:
        return {{"type", "boolean"}};
      case Type::kInt32:
        return {{"type", "integer"}, {"format", "int32"}};
      case Type::kInt64:
        return s.format.empty() ? Json{{"type", "integer"}} : Json{{"type", "integer"}, {"format", s.format}};
      case Type::kDouble:
        return {{"type", "number"}};
      case Type::kQuantity:
        return {{"oneOf", Json::array({{{"type", "string"}}, {{"type", "number"}}})}};
      case Type::kIntOrString:
        return {{"format", "int-or-string"},
                {"oneOf", Json::array({{{"type", "integer"}}, {{"type", "string"}}})}};
      case Type::kTime:
      case Type::kMicroTime:
        return {{"type", "string"}, {"format", "date-time"}};
      case Type::kBytes:
        return {{"type", "string"}, {"format", "byte"}};
      case Type::kAny:  // built-in kinds say object of what may be anything
        return s.constraints == nullptr ? Json{{"type", "object"}} : Json::object();
    }
    return Json::object();
  }

  const Core& core_;
  std::string group_, version_;
  Json schemas_ = Json::object();
  std::set<std::string> done_;
};

}  // namespace

Json openapi_index(const Core& core) {
  Json paths = Json::object();
  for (const ResourcePtr& r : core.registry.all()) {
    const std::string key =
        r->group.empty() ? "api/" + r->version : fmt::format("apis/{}/{}", r->group, r->version);
    // Clients cache a document by this hash: it changes whenever a definition may have.
    uint64_t hash = r->custom ? core.crd_changes : 0;
    paths[key] = {{"serverRelativeURL", fmt::format("/openapi/v3/{}?hash={:016X}", key, hash + 0x5354)}};
  }
  return {{"paths", std::move(paths)}};
}

std::optional<Json> openapi_document(const Core& core, std::string_view group, std::string_view version) {
  if (!core.registry.has_version(group, version)) return std::nullopt;
  return Document(core, std::string(group), std::string(version)).build();
}

}  // namespace stowage::sandbox
