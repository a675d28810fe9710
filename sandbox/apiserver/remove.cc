#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/coerce.h"
#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/go_text.h"
#include "sandbox/apiserver/parsed.h"

namespace stowage::sandbox {
namespace {

bool is_pod(const Resource& r) {
  return r.kind == "Pod" && r.group.empty();
}
bool is_namespace(const Resource& r) {
  return r.kind == "Namespace" && r.group.empty();
}

/// Seconds a pod is given; pods that no kubelet holds go at once.
int64_t pod_grace(const Json& pod, std::optional<int64_t> asked) {
  const std::string phase = string_at(pod, {"status", "phase"});
  if (string_at(pod, {"spec", "nodeName"}).empty() || phase == "Succeeded" || phase == "Failed") return 0;
  if (asked) return std::max<int64_t>(*asked, asked < 0 ? 1 : 0);
  const Json* own = find_path(pod, {"spec", "terminationGracePeriodSeconds"});
  if (own == nullptr || !own->is_number_integer()) return 30;
  return own->get<int64_t>() < 0 ? 1 : own->get<int64_t>();
}

/// Holds a definition until its instances are gone.
constexpr const char* kInstanceCleanup = "customresourcecleanup.apiextensions.k8s.io";

void set_finalizer(Json& metadata, const std::string& name, bool wanted) {
  Json list = metadata.contains("finalizers") ? metadata["finalizers"] : Json::array();
  std::erase_if(list.get_ref<Json::array_t&>(), [&](const Json& item) { return item == Json(name); });
  if (wanted) list.push_back(name);
  if (list.empty()) {
    metadata.erase("finalizers");
  } else {
    metadata["finalizers"] = std::move(list);
  }
}

std::string success_status(const Resource& resource, const Object& object) {
  Json details = {{"name", object.name}, {"kind", resource.plural}, {"uid", object.uid}};
  if (!resource.group.empty()) details["group"] = resource.group;
  return dump({{"kind", "Status"},
               {"apiVersion", "v1"},
               {"metadata", Json::object()},
               {"status", "Success"},
               {"details", std::move(details)}});
}

/// Kinds whose DELETE answers with the object.
bool returns_object(const Resource& r) {
  static const std::vector<std::string> kinds = {
      "Pod",           "PersistentVolume",     "PersistentVolumeClaim", "Service", "ServiceAccount",
      "ResourceQuota", "ReplicationController"};
  return r.group.empty() && std::find(kinds.begin(), kinds.end(), r.kind) != kinds.end();
}

/// The options in the query, as a body would say them.
Answer<Json> queried_options(const Call& call) {
  Json out = Json::object();
  if (const std::string_view text = call.query.get("gracePeriodSeconds"); !text.empty()) {
    auto number = whole_number(text);
    if (!number) return std::unexpected(std::move(number).error());
    out["gracePeriodSeconds"] = *number;
  }
  if (call.query.has("orphanDependents")) out["orphanDependents"] = call.query.flag("orphanDependents");
  if (call.query.has("propagationPolicy")) out["propagationPolicy"] = call.query.get("propagationPolicy");
  if (call.query.has("dryRun")) out["dryRun"] = Json::array({call.query.get("dryRun")});
  return out;
}

/// The options in the body; it must be DeleteOptions of any group.
Answer<Json> given_options(const Core& core, Call& call) {
  auto body = decode_body(core, call);
  if (!body && body.error().line > 0) {
    const bool ended = body.error().message.find("unexpected end of input") != std::string::npos;
    return bad_request("couldn't get version/kind; json parse error: " +
                       (ended ? "unexpected end of JSON input" : body.error().message));
  }
  if (!body) return body;
  if (body->is_null()) *body = Json::object();
  if (auto typed = check_typed(*body); !typed) return std::unexpected(std::move(typed).error());
  if (const std::string kind = string_at(*body, {"kind"}); !kind.empty() && kind != "DeleteOptions") {
    return bad_request(
        fmt::format("no kind \"{}\" is registered for version \"{}\" in scheme \"pkg/runtime/scheme.go:111\"",
                    kind, string_at(*body, {"apiVersion"})));
  }
  const Json* policy = find(*body, "propagationPolicy");
  if (policy != nullptr && !policy->is_string() && !policy->is_null()) {
    return bad_request(
        fmt::format("json: cannot unmarshal {} into Go struct field DeleteOptions.propagationPolicy of type "
                    "v1.DeletionPropagation",
                    json_word(*policy)));
  }
  std::vector<std::string> unknown;
  if (auto r = coerce_builtin(*body, *core.builtins->type("meta.v1.DeleteOptions"), "", "", unknown); !r)
    return std::unexpected(std::move(r).error());
  return body;
}

Answer<void> check_options(const Json& options) {
  std::vector<Cause> causes;
  const std::string policy = string_at(options, {"propagationPolicy"});
  const bool has_policy = options.contains("propagationPolicy");
  if (has_policy && options.contains("orphanDependents"))
    causes.push_back(
        {"FieldValueInvalid",
         fmt::format("Invalid value: \"{}\": orphanDependents and deletionPropagation cannot be both set",
                     policy),
         "propagationPolicy"});
  if (has_policy && policy != "Background" && policy != "Foreground" && policy != "Orphan")
    causes.push_back({"FieldValueNotSupported",
                      fmt::format("Unsupported value: \"{}\": supported values: \"Foreground\", "
                                  "\"Background\", \"Orphan\", \"nil\"",
                                  policy),
                      "propagationPolicy"});
  if (const Json* dry = find(options, "dryRun");
      dry != nullptr && !dry->empty() && *dry != Json::array({"All"}))
    causes.push_back({"FieldValueNotSupported",
                      fmt::format("Unsupported value: {}: supported values: \"All\"", dump(*dry)), "dryRun"});
  if (causes.empty()) return {};
  return invalid({"meta.k8s.io", "", "DeleteOptions", ""}, std::move(causes));
}

}  // namespace

Answer<DeleteOptions> read_delete_options(const Core& core, Call& call) {
  // A body speaks alone: what the query says beside it is not looked at.
  auto given = call.request.body.empty() ? queried_options(call) : given_options(core, call);
  if (!given) return std::unexpected(std::move(given).error());
  if (auto r = check_options(*given); !r) return std::unexpected(std::move(r).error());
  DeleteOptions out;
  out.propagation = string_at(*given, {"propagationPolicy"});
  if (const Json* orphan = find(*given, "orphanDependents"); orphan != nullptr)
    out.propagation = orphan->get<bool>() ? "Orphan" : "Background";
  if (const Json* grace = find(*given, "gracePeriodSeconds"); grace != nullptr)
    out.grace_seconds = grace->get<int64_t>();
  out.uid = string_at(*given, {"preconditions", "uid"});
  out.resource_version = string_at(*given, {"preconditions", "resourceVersion"});
  call.dry_run = given->contains("dryRun") && !(*given)["dryRun"].empty();
  return out;
}

void erase_object(Core& core, const Resource& resource, const Object& object) {
  Json last = parse_stored(object.body);  // as stored, whatever version was asked for
  const uint64_t version = core.store.next_version();
  last["metadata"]["resourceVersion"] = std::to_string(version);
  core.store.remove(*resource.collection, make_object(resource, last, version));
  core.graph.erase(object);
  core.orphan_candidates.push_back(object.uid);
  for (const std::string& owner : object.owners)
    core.orphan_candidates.push_back(owner);
  if (is_pod(resource) || resource.kind == "PodDisruptionBudget") core.budgets_dirty = true;
  if (is_revision(resource)) core.revisions.erase(object.uid);
  if (resource.kind == "CustomResourceDefinition") uninstall_crd(core, last);
}

Answer<Written> remove_object(Core& core, Call& call, const DeleteOptions& options, ObjectPtr object,
                              bool* gone) {
  const Resource& resource = *call.resource;
  *gone = false;
  // Storage speaks of the kind where the rest of the server says the resource.
  const Subject record{resource.group, resource.kind, resource.kind, object->name};
  if (!options.uid.empty() && options.uid != object->uid) {
    return conflict(record,
                    fmt::format("the UID in the precondition ({}) does not match the UID in record ({}). The "
                                "object might have been deleted and then recreated",
                                options.uid, object->uid));
  }
  if (!options.resource_version.empty() && options.resource_version != std::to_string(object->version)) {
    return conflict(
        record,
        fmt::format("the ResourceVersion in the precondition ({}) does not match the ResourceVersion in "
                    "record ({}). The object might have been modified",
                    options.resource_version, object->version));
  }
  const Json before = read_object(resource, *object);
  Json after = before;
  Json& metadata = after["metadata"];
  const int64_t grace = is_pod(resource) ? pod_grace(before, options.grace_seconds) : 0;
  if (options.propagation == "Foreground" || options.propagation == "Orphan") {
    set_finalizer(metadata, "foregroundDeletion", options.propagation == "Foreground");
    set_finalizer(metadata, "orphan", options.propagation == "Orphan");
  } else if (options.propagation == "Background") {
    set_finalizer(metadata, "foregroundDeletion", false);
    set_finalizer(metadata, "orphan", false);
  }
  const bool definition = resource.kind == "CustomResourceDefinition" && !resource.custom;
  if (definition && !metadata.contains("deletionTimestamp")) {
    set_finalizer(metadata, kInstanceCleanup, true);
    mark_terminating(after, call.now);
  }
  const bool held = metadata.contains("finalizers") || is_namespace(resource) || grace > 0;
  if (!held) {
    *gone = true;
    if (!call.dry_run) erase_object(core, resource, *object);
    return Written{200, before};
  }
  const Json* old_grace = find(metadata, "deletionGracePeriodSeconds");
  const bool again = metadata.contains("deletionTimestamp");
  // A second delete can only shorten the grace.
  if (!again ||
      (old_grace != nullptr && old_grace->is_number_integer() && grace < old_grace->get<int64_t>())) {
    metadata["deletionTimestamp"] = format_rfc3339(call.now + std::chrono::seconds(grace));
    metadata["deletionGracePeriodSeconds"] = grace;
    const Json* generation = find(metadata, "generation");
    if (!again && generation != nullptr && generation->is_number_integer())
      metadata["generation"] = generation->get<int64_t>() + 1;
  }
  if (is_namespace(resource)) {
    after["status"]["phase"] = "Terminating";
    metadata.erase("deletionGracePeriodSeconds");
  }
  if (after != before && !call.dry_run) store_object(core, resource, after);
  return Written{200, std::move(after)};
}

Answer<Response> delete_object(Core& core, Call& call) {
  const Resource& resource = *call.resource;
  auto options = read_delete_options(core, call);
  if (!options) return std::unexpected(std::move(options).error());
  const ObjectPtr object = resource.collection->get(resource.key(call.ns, call.name));
  if (object == nullptr) return not_found(call.subject());
  if (is_namespace(resource) &&
      (call.name == "default" || call.name == "kube-system" || call.name == "kube-public")) {
    return forbidden(call.subject(), "this namespace may not be deleted");
  }
  bool gone = false;
  auto removed = remove_object(core, call, *options, object, &gone);
  if (!removed) return std::unexpected(std::move(removed).error());
  if (!gone || returns_object(resource)) return respond_object(core, call, 200, removed->object);
  Response response;
  response.body = success_status(resource, *object);
  return response;
}

Answer<Response> delete_collection(Core& core, Call& call) {
  const Resource& resource = *call.resource;
  auto options = read_delete_options(core, call);
  if (!options) return std::unexpected(std::move(options).error());
  auto filter = read_filter(call);
  if (!filter) return std::unexpected(std::move(filter).error());
  auto objects = resource.collection->list(*filter, 0, "", 0, nullptr);
  if (!objects) return std::unexpected(std::move(objects).error());
  Json items = Json::array();
  for (const ObjectPtr& object : *objects) {
    bool gone = false;
    call.name = object->name;
    auto removed = remove_object(core, call, *options, object, &gone);
    if (!removed) return std::unexpected(std::move(removed).error());
    items.push_back(std::move(removed->object));
  }
  Response response;
  response.body = dump({{"kind", resource.list_kind},
                        {"apiVersion", resource.api_version()},
                        {"metadata", {{"resourceVersion", std::to_string(core.store.version())}}},
                        {"items", std::move(items)}});
  return response;
}

}  // namespace stowage::sandbox
