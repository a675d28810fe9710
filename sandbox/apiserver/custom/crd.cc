#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/custom/constraints.h"
#include "sandbox/apiserver/names.h"

namespace stowage::sandbox {
namespace {

const std::vector<std::string> kVerbs = {"delete", "deletecollection", "get",    "list",
                                         "patch",  "create",           "update", "watch"};

const Json& versions_of(const Json& crd) {
  static const Json none = Json::array();
  const Json* versions = find_path(crd, {"spec", "versions"});
  return versions != nullptr && versions->is_array() ? *versions : none;
}

std::string lower(std::string text) {
  for (char& c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::vector<std::string> strings(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* list = find_path(object, path);
  return list != nullptr && list->is_array() ? list->get<std::vector<std::string>>()
                                             : std::vector<std::string>();
}

void set_condition(Json& status, const char* type, const char* reason, const char* message, WallTime now) {
  Json& list = status["conditions"];
  if (!list.is_array()) list = Json::array();
  for (const Json& condition : list) {
    if (string_at(condition, {"type"}) == type) return;
  }
  list.push_back({{"type", type},
                  {"status", "True"},
                  {"reason", reason},
                  {"message", message},
                  {"lastTransitionTime", format_rfc3339(now)}});
}

std::vector<Column> read_columns(const Json& version) {
  std::vector<Column> out;
  const Json* list = find(version, "additionalPrinterColumns");
  if (list == nullptr || !list->is_array()) return out;
  for (const Json& item : *list) {
    Column c;
    c.name = string_at(item, {"name"});
    c.type = string_at(item, {"type"});
    c.format = string_at(item, {"format"});
    c.description = string_at(item, {"description"});
    c.priority = item.value("priority", 0);
    c.json_path = string_at(item, {"jsonPath"});
    out.push_back(std::move(c));
  }
  return out;
}

/// apiVersion, kind and metadata belong to every custom object's schema.
const Schema* with_metadata(const Core& core, const Schema* parsed) {
  auto* schema = const_cast<Schema*>(parsed);  // made for this definition a moment ago
  schema->type = Type::kObject;
  Field& metadata = schema->fields["metadata"];
  metadata.name = "metadata";
  metadata.schema = core.builtins->type("meta.v1.ObjectMeta");
  metadata.always = true;
  return schema;
}

void add_subresources(const Core& core, const Json& version, Resource& r) {
  if (find_path(version, {"subresources", "status"}) != nullptr) {
    r.has_status = true;
    r.subresources.push_back({"status", r.kind, r.group, r.version, {"get", "patch", "update"}, r.schema});
  }
  if (const Json* scale = find_path(version, {"subresources", "scale"})) {
    r.scale_spec = string_at(*scale, {"specReplicasPath"});
    r.scale_status = string_at(*scale, {"statusReplicasPath"});
    r.scale_selector = string_at(*scale, {"labelSelectorPath"});
    r.subresources.push_back({"scale",
                              "Scale",
                              "autoscaling",
                              "v1",
                              {"get", "patch", "update"},
                              core.builtins->type("autoscaling.v1.Scale")});
  }
}

void refuse(const char* field, const std::string& value, const std::string& why, std::vector<Cause>& causes) {
  causes.push_back(
      {"FieldValueInvalid", fmt::format("Invalid value: {}: {}", dump(Json(value)), why), field});
}

void validate_names(const Json& crd, std::vector<Cause>& causes) {
  for (const auto& [key, field] :
       {std::pair{"plural", "spec.names.plural"}, std::pair{"singular", "spec.names.singular"},
        std::pair{"kind", "spec.names.kind"}, std::pair{"listKind", "spec.names.listKind"}}) {
    const std::string name = string_at(crd, {"spec", "names", key});
    if (name.empty()) {
      causes.push_back({"FieldValueRequired", "Required value", field});
      continue;
    }
    const bool mixed = std::string_view(key) == "kind" || std::string_view(key) == "listKind";
    const std::string why = dns_1035_label_problem(mixed ? lower(name) : name);
    if (!why.empty())
      refuse(field, name, (mixed ? "may have mixed case, but should otherwise match: " : "") + why, causes);
  }
  const std::string kind = string_at(crd, {"spec", "names", "kind"});
  if (!kind.empty() && kind == string_at(crd, {"spec", "names", "listKind"}))
    refuse("spec.names.listKind", kind, "kind and listKind may not be the same", causes);
}

/// Versions as Go writes them; what all of them share stands elsewhere there.
std::string versions_text(const Json& versions) {
  std::string out;
  for (const Json& version : versions) {
    out += fmt::format(
        "{}{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":null,"
        "\"Schema\":null,"
        "\"Subresources\":null,\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}}",
        out.empty() ? "" : ",", dump(Json(string_at(version, {"name"}))), version.value("served", false),
        version.value("storage", false), version.value("deprecated", false));
  }
  return "[" + out + "]";
}

/// Groups of the Kubernetes community may not be taken without its approval.
void check_approval(const Json& crd, const std::string& group, std::vector<Cause>& causes) {
  constexpr const char* kField = "metadata.annotations[api-approved.kubernetes.io]";
  constexpr const char* kMore = "see https://github.com/kubernetes/enhancements/pull/1111";
  const std::string dotted = "." + group;
  if (!dotted.ends_with(".k8s.io") && !dotted.ends_with(".kubernetes.io")) return;
  const std::string approval = string_at(crd, {"metadata", "annotations", "api-approved.kubernetes.io"});
  if (approval.starts_with("unapproved") || approval.find("://") != std::string::npos) return;
  if (!approval.empty()) {
    return refuse(
        kField, approval,
        fmt::format("protected groups must have approval annotation \"api-approved.kubernetes.io\" with "
                    "either a URL or a reason starting with \"unapproved\", {}",
                    kMore),
        causes);
  }
  causes.push_back({"FieldValueRequired",
                    fmt::format("Required value: protected groups must have approval annotation "
                                "\"api-approved.kubernetes.io\", {}",
                                kMore),
                    kField});
}

}  // namespace

void prepare_crd(Json& crd, WallTime now) {
  if (!crd.contains("spec") || !crd["spec"].is_object()) return;
  Json& names = crd["spec"]["names"];
  if (!names.is_object()) names = Json::object();
  if (!names.contains("singular")) names["singular"] = lower(string_at(names, {"kind"}));
  if (!names.contains("listKind")) names["listKind"] = string_at(names, {"kind"}) + "List";
  if (!crd["spec"].contains("conversion")) crd["spec"]["conversion"] = {{"strategy", "None"}};
  Json& status = crd["status"];
  if (!status.is_object()) status = Json::object();
  status["acceptedNames"] = names;
  set_condition(status, "NamesAccepted", "NoConflicts", "no conflicts found", now);
  set_condition(status, "Established", "InitialNamesAccepted", "the initial names have been accepted", now);
  Json stored = status.contains("storedVersions") ? status["storedVersions"] : Json::array();
  for (const Json& version : versions_of(crd)) {
    const Json name = string_at(version, {"name"});
    if (version.value("storage", false) && std::find(stored.begin(), stored.end(), name) == stored.end())
      stored.push_back(name);
  }
  status["storedVersions"] = std::move(stored);
}

void mark_terminating(Json& crd, WallTime now) {
  set_condition(crd["status"], "Terminating", "InstanceDeletionPending",
                "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon", now);
}

void validate_crd(const Core& core, const Json& crd, const Json* old, std::vector<Cause>& causes) {
  const std::string group = string_at(crd, {"spec", "group"});
  const std::string plural = string_at(crd, {"spec", "names", "plural"});
  const std::string scope = string_at(crd, {"spec", "scope"});
  if (group.empty()) {
    causes.push_back({"FieldValueRequired", "Required value", "spec.group"});
  } else if (const std::string why = dns_subdomain_problem(group); !why.empty()) {
    refuse("spec.group", group, why, causes);
  } else if (group.find('.') == std::string::npos) {
    refuse("spec.group", group, "should be a domain with at least one dot", causes);
  }
  validate_names(crd, causes);
  if (scope != "Namespaced" && scope != "Cluster") {
    causes.push_back(
        {"FieldValueNotSupported",
         fmt::format("Unsupported value: \"{}\": supported values: \"Cluster\", \"Namespaced\"", scope),
         "spec.scope"});
  }
  const std::string name = string_at(crd, {"metadata", "name"});
  if (name != plural + "." + group) {
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: \"{}\": must be spec.names.plural+\".\"+spec.group", name),
                      "metadata.name"});
  }
  if (old != nullptr) {
    for (const auto& [path, field] : {std::pair{"group", "spec.group"}, std::pair{"scope", "spec.scope"}}) {
      if (string_at(crd, {"spec", path}) != string_at(*old, {"spec", path})) {
        causes.push_back(
            {"FieldValueInvalid",
             fmt::format("Invalid value: \"{}\": field is immutable", string_at(crd, {"spec", path})),
             field});
      }
    }
  }
  int storage = 0;
  const Json& versions = versions_of(crd);
  // A schema that all versions share is known by its old place.
  const bool shared = std::all_of(versions.begin(), versions.end(), [&](const Json& version) {
    const Json* own = find(version, "schema");
    const Json* first = find(versions[0], "schema");
    return own != nullptr && first != nullptr && *own == *first;
  });
  for (size_t i = 0; i < versions.size(); ++i) {
    const std::string at = fmt::format("spec.versions[{}]", i);
    if (const std::string why = dns_1035_label_problem(string_at(versions[i], {"name"})); !why.empty()) {
      causes.push_back({"FieldValueInvalid",
                        fmt::format("Invalid value: \"{}\": {}", string_at(versions[i], {"name"}), why),
                        at + ".name"});
    }
    storage += versions[i].value("storage", false) ? 1 : 0;
    const Json* schema = find_path(versions[i], {"schema", "openAPIV3Schema"});
    if (schema == nullptr) {
      causes.push_back({"FieldValueRequired", "Required value", at + ".schema.openAPIV3Schema"});
      continue;
    }
    const std::string place =
        shared ? std::string("spec.validation.openAPIV3Schema") : at + ".schema.openAPIV3Schema";
    if (shared && i > 0) continue;
    const size_t sound = causes.size();
    check_schema(*schema, place, causes);
    if (causes.size() > sound) continue;
    SchemaSet scratch;
    parse_structural(*schema, scratch, place, causes);
  }
  if (storage != 1)
    causes.push_back(
        {"FieldValueInvalid",
         fmt::format("Invalid value: {}: must have exactly one version marked as storage version",
                     versions_text(versions)),
         "spec.versions"});
  if (storage == 0)
    causes.push_back({"FieldValueInvalid", "Invalid value: null: must have at least one stored version",
                      "status.storedVersions"});
  check_approval(crd, group, causes);
  if (!causes.empty()) return;
  for (const ResourcePtr& r : core.registry.all()) {
    if (!r->custom && r->group == group && r->plural == plural)
      causes.push_back({"FieldValueInvalid",
                        fmt::format("Invalid value: \"{}\": is a built-in resource", plural),
                        "spec.names.plural"});
  }
}

void install_crd(Core& core, const Json& crd) {
  const std::string group = string_at(crd, {"spec", "group"});
  const std::string plural = string_at(crd, {"spec", "names", "plural"});
  std::shared_ptr<Collection> collection;
  for (const ResourcePtr& r : core.registry.all()) {
    if (r->custom && r->group == group && r->plural == plural) collection = r->collection;
  }
  core.registry.remove(group, plural);
  std::string storage;
  std::vector<std::string> selectable;
  for (const Json& version : versions_of(crd)) {
    if (!version.value("storage", false)) continue;
    storage = group + "/" + string_at(version, {"name"});
    if (const Json* fields = find(version, "selectableFields"); fields != nullptr && fields->is_array()) {
      for (const Json& field : *fields)
        selectable.push_back(string_at(field, {"jsonPath"}).substr(1));
    }
  }
  if (collection == nullptr) collection = std::make_shared<Collection>(selectable);
  for (const Json& version : versions_of(crd)) {
    if (!version.value("served", false)) continue;
    auto r = std::make_shared<Resource>();
    r->group = group;
    r->version = string_at(version, {"name"});
    r->plural = plural;
    r->singular = string_at(crd, {"spec", "names", "singular"});
    r->kind = string_at(crd, {"spec", "names", "kind"});
    r->list_kind = string_at(crd, {"spec", "names", "listKind"});
    r->namespaced = string_at(crd, {"spec", "scope"}) == "Namespaced";
    r->custom = true;
    r->generation = true;
    r->verbs = kVerbs;
    r->short_names = strings(crd, {"spec", "names", "shortNames"});
    r->categories = strings(crd, {"spec", "names", "categories"});
    r->collection = collection;
    r->storage_api_version = storage;
    r->owned = std::make_shared<SchemaSet>();
    std::vector<Cause> ignored;  // validate_crd has reported them
    const Json* schema = find_path(version, {"schema", "openAPIV3Schema"});
    r->schema =
        with_metadata(core, parse_structural(schema != nullptr ? *schema : Json(), *r->owned, "", ignored));
    r->columns = read_columns(version);
    add_subresources(core, version, *r);
    core.registry.add(std::move(r));
  }
  ++core.crd_changes;
}

void uninstall_crd(Core& core, const Json& crd) {
  const std::string group = string_at(crd, {"spec", "group"});
  const std::string plural = string_at(crd, {"spec", "names", "plural"});
  for (const ResourcePtr& r : core.registry.all()) {
    if (!r->custom || r->group != group || r->plural != plural || r->collection->closed()) continue;
    const auto objects = r->collection->objects();
    for (const auto& [key, object] : objects)
      erase_object(core, *r, *object);
    core.store.close(*r->collection);
  }
  core.registry.remove(group, plural);
  ++core.crd_changes;
}

}  // namespace stowage::sandbox
