#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/coerce.h"
#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/go_text.h"
#include "sandbox/apiserver/json_path.h"
#include "sandbox/apiserver/parsed.h"

namespace stowage::sandbox {
namespace {

Response created_status() {
  Response response;
  response.status = 201;
  response.body = R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201})";
  return response;
}

/// Sets or replaces a condition; the transition time moves only when the status does.
void set_condition(Json& status, const std::string& type, const std::string& value, WallTime now) {
  Json& list = status["conditions"];
  if (!list.is_array()) list = Json::array();
  for (Json& condition : list) {
    if (string_at(condition, {"type"}) != type) continue;
    if (string_at(condition, {"status"}) != value) condition["lastTransitionTime"] = format_rfc3339(now);
    condition["status"] = value;
    condition.erase("reason");
    condition.erase("message");
    return;
  }
  list.push_back({{"type", type},
                  {"status", value},
                  {"lastProbeTime", nullptr},
                  {"lastTransitionTime", format_rfc3339(now)}});
}

/// The budgets that select the pod.
std::vector<ObjectPtr> budgets_of(const Core& core, const Object& pod) {
  std::vector<ObjectPtr> out;
  const ResourcePtr budgets = core.builtin("policy", "poddisruptionbudgets");
  for (const auto& [key, budget] : budgets->collection->objects()) {
    if (budget->ns != pod.ns) continue;
    const Json tree = read_object(*budgets, *budget);
    const Json* selector = find_path(tree, {"spec", "selector"});
    if (selector != nullptr && LabelSelector::from_object(*selector).matches(pod.labels))
      out.push_back(budget);
  }
  return out;
}

/// Takes one disruption from the budget, or says why not. Healthy pods only cost budget.
Answer<void> spend_budget(Core& core, const Call& call, const Object& budget) {
  const ResourcePtr budgets = core.builtin("policy", "poddisruptionbudgets");
  Json tree = read_object(*budgets, budget);
  const int64_t allowed = tree["status"].value("disruptionsAllowed", int64_t{0});
  const int64_t generation = tree["metadata"].value("generation", int64_t{0});
  if (tree["status"].value("observedGeneration", int64_t{0}) < generation) {
    return too_many_requests(
        "Cannot evict pod as it would violate the pod's disruption budget.", 10,
        {{"DisruptionBudget",
          fmt::format("The disruption budget {} is still being processed by the server.", budget.name), ""}});
  }
  if (allowed <= 0) {
    return too_many_requests(
        "Cannot evict pod as it would violate the pod's disruption budget.", 0,
        {{"DisruptionBudget",
          fmt::format("The disruption budget {} needs {} healthy pods and has {} currently", budget.name,
                      tree["status"].value("desiredHealthy", int64_t{0}),
                      tree["status"].value("currentHealthy", int64_t{0})),
          ""}});
  }
  if (!call.dry_run) {
    tree["status"]["disruptionsAllowed"] = allowed - 1;
    tree["status"]["disruptedPods"][call.name] = format_rfc3339(call.now);
    store_object(core, *budgets, std::move(tree));
  }
  return {};
}

/// The body is an object that names the pod of the URL.
Answer<void> check_named(const Call& call, const Json& body, std::string_view kind) {
  if (auto typed = check_typed(body); !typed)
    return unrecognized(kind, typed.error().message, call.request.body);
  if (string_at(body, {"metadata", "name"}) == call.name) return {};
  return bad_request(fmt::format("name in URL does not match name in {} object", kind));
}

bool healthy(const Json& pod) {
  const Json* conditions = find_path(pod, {"status", "conditions"});
  return conditions != nullptr && conditions->is_array() &&
         std::any_of(conditions->begin(), conditions->end(), [](const Json& c) {
           return string_at(c, {"type"}) == "Ready" && string_at(c, {"status"}) == "True";
         });
}

}  // namespace

Answer<Response> bind_pod(Core& core, Call& call) {
  const Resource& resource = *call.resource;
  auto body = decode_body(core, call);
  if (!body) return std::unexpected(std::move(body).error());
  if (auto r = check_named(call, *body, "Binding"); !r) return std::unexpected(std::move(r).error());
  const std::string kind = string_at(*body, {"target", "kind"});
  const std::string node = string_at(*body, {"target", "name"});
  std::string wrong;
  if (!kind.empty() && kind != "Node")
    wrong = fmt::format("target.kind: Unsupported value: {}: supported values: \"Node\", \"<empty>\"",
                        go_quote(kind));
  if (node.empty())
    wrong = wrong.empty() ? "target.name: Required value" : "[" + wrong + ", target.name: Required value]";
  if (!wrong.empty()) return server_error(wrong);
  const ObjectPtr object = resource.collection->get(resource.key(call.ns, call.name));
  if (object == nullptr) return not_found(call.subject());
  Json pod = read_object(resource, *object);
  const Subject binding{"", "pods/binding", "Binding", call.name};
  const auto uid = string_at(*body, {"metadata", "uid"});
  if (!uid.empty() && uid != object->uid) {
    return conflict(binding,
                    fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid,
                                object->uid));
  }
  const auto version = string_at(*body, {"metadata", "resourceVersion"});
  if (!version.empty() && version != std::to_string(object->version)) {
    return conflict(
        binding,
        fmt::format(
            "Precondition failed: ResourceVersion in precondition: {}, ResourceVersion in object meta: {}",
            version, object->version));
  }
  if (object->deleting)
    return conflict(binding, fmt::format("pod {} is being deleted, cannot be assigned to a host", call.name));
  if (const std::string already = string_at(pod, {"spec", "nodeName"}); !already.empty()) {
    return conflict(binding, fmt::format("pod {} is already assigned to node \"{}\"", call.name, already));
  }
  if (const Json* gates = find_path(pod, {"spec", "schedulingGates"}); gates != nullptr && !gates->empty()) {
    return conflict(binding, fmt::format("pod {} has non-empty .spec.schedulingGates", call.name));
  }
  pod["spec"]["nodeName"] = node;
  if (const Json* annotations = find_path(*body, {"metadata", "annotations"});
      annotations != nullptr && annotations->is_object()) {
    for (const auto& [key, value] : annotations->items())
      pod["metadata"]["annotations"][key] = value;
  }
  Json& status = pod["status"];
  status.erase("nominatedNodeName");
  set_condition(status, "PodScheduled", "True", call.now);
  if (!call.dry_run) store_object(core, resource, std::move(pod));
  return created_status();
}

Answer<Response> evict_pod(Core& core, Call& call) {
  const Resource& resource = *call.resource;
  auto body = decode_body(core, call);
  if (!body) return std::unexpected(std::move(body).error());
  if (auto r = check_named(call, *body, "Eviction"); !r) return std::unexpected(std::move(r).error());
  const ObjectPtr pod = resource.collection->get(resource.key(call.ns, call.name));
  if (pod == nullptr) return not_found(call.subject());
  DeleteOptions options;
  if (const Json* given = find(*body, "deleteOptions"); given != nullptr && given->is_object()) {
    options.uid = string_at(*given, {"preconditions", "uid"});
    options.resource_version = string_at(*given, {"preconditions", "resourceVersion"});
    if (const Json* grace = find(*given, "gracePeriodSeconds");
        grace != nullptr && grace->is_number_integer())
      options.grace_seconds = grace->get<int64_t>();
    if (const Json* dry = find(*given, "dryRun"); dry != nullptr && dry->is_array() && !dry->empty())
      call.dry_run = true;
  }
  const Json tree = read_object(resource, *pod);
  const std::string phase = string_at(tree, {"status", "phase"});
  // Pods that do not run, or are on their way out, cost no budget.
  if (phase != "Succeeded" && phase != "Failed" && phase != "Pending" && !pod->deleting) {
    if (!options.uid.empty() && options.uid != pod->uid) {
      return conflict(call.subject(),
                      fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}",
                                  options.uid, pod->uid));
    }
    const auto budgets = budgets_of(core, *pod);
    if (budgets.size() > 1)
      return internal_error(
          "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
    if (!budgets.empty()) {
      const Json budget = read_object(*core.builtin("policy", "poddisruptionbudgets"), *budgets[0]);
      const bool always = string_at(budget, {"spec", "unhealthyPodEvictionPolicy"}) == "AlwaysAllow";
      if (healthy(tree) || !always) {
        if (auto r = spend_budget(core, call, *budgets[0]); !r) return std::unexpected(std::move(r).error());
      }
    }
  }
  const ObjectPtr current = resource.collection->get(pod->key);
  bool gone = false;
  call.subresource.clear();
  if (auto removed = remove_object(core, call, options, current, &gone); !removed)
    return std::unexpected(std::move(removed).error());
  return created_status();
}

Json scale_of(const Resource& resource, const Json& object) {
  const auto number = [&](const std::string& path) {
    const Json* value = json_pointer_like(object, path);
    return value != nullptr && value->is_number_integer() ? value->get<int64_t>() : 0;
  };
  Json metadata = {{"name", string_at(object, {"metadata", "name"})},
                   {"uid", string_at(object, {"metadata", "uid"})},
                   {"resourceVersion", string_at(object, {"metadata", "resourceVersion"})},
                   {"creationTimestamp", string_at(object, {"metadata", "creationTimestamp"})}};
  if (resource.namespaced) metadata["namespace"] = string_at(object, {"metadata", "namespace"});
  Json status = {{"replicas", number(resource.scale_status)}};
  if (!resource.scale_selector.empty()) {
    if (const Json* selector = json_pointer_like(object, resource.scale_selector);
        selector != nullptr && selector->is_string())
      status["selector"] = *selector;
  } else if (const Json* labels = find_path(object, {"spec", "selector", "matchLabels"});
             labels != nullptr && labels->is_object()) {
    std::string text;
    for (const auto& [key, value] : labels->items())
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value.get<std::string>());
    status["selector"] = text;
  }
  Json spec = Json::object();
  if (const int64_t replicas = number(resource.scale_spec); replicas != 0) spec["replicas"] = replicas;
  return {{"kind", "Scale"},
          {"apiVersion", "autoscaling/v1"},
          {"metadata", std::move(metadata)},
          {"spec", std::move(spec)},
          {"status", std::move(status)}};
}

Answer<void> apply_scale(const Resource& resource, Json& object, const Json& scale) {
  const std::string name = string_at(object, {"metadata", "name"});
  const Json* replicas = find_path(scale, {"spec", "replicas"});
  const int64_t wanted = replicas != nullptr && replicas->is_number_integer() ? replicas->get<int64_t>() : 0;
  if (replicas != nullptr && !replicas->is_number_integer())
    return bad_request(
        "Scale in version \"v1\" cannot be handled as a Scale: spec.replicas must be an integer");
  if (wanted < 0 || wanted > INT32_MAX) {
    return invalid(
        {"autoscaling", "scale", "Scale", name},
        {{"FieldValueInvalid", fmt::format("Invalid value: {}: must be greater than or equal to 0", wanted),
          "spec.replicas"}});
  }
  const std::string version = string_at(scale, {"metadata", "resourceVersion"});
  if (!version.empty() && version != string_at(object, {"metadata", "resourceVersion"}))
    return stale_object(subject_of(resource, name));
  const std::string uid = string_at(scale, {"metadata", "uid"});
  if (!uid.empty() && uid != string_at(object, {"metadata", "uid"})) {
    return conflict(subject_of(resource, name),
                    fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid,
                                string_at(object, {"metadata", "uid"})));
  }
  set_json_pointer_like(object, resource.scale_spec, wanted);
  return {};
}

Answer<Response> review_access(Core& core, Call& call) {
  auto body = decode_body(core, call);
  if (!body) return std::unexpected(std::move(body).error());
  if (auto r = conform(core, call, *call.resource, *body); !r) return std::unexpected(std::move(r).error());
  const std::string& kind = call.resource->kind;
  const Json all = Json::array({"*"});
  if (kind == "SelfSubjectReview") {
    (*body)["status"]["userInfo"] = {{"username", "sandbox-admin"}, {"groups", {"system:masters"}}};
  } else if (kind == "SelfSubjectRulesReview") {
    (*body)["status"] = {{"incomplete", false},
                         {"resourceRules", {{{"verbs", all}, {"apiGroups", all}, {"resources", all}}}},
                         {"nonResourceRules", {{{"verbs", all}, {"nonResourceURLs", all}}}}};
  } else {
    (*body)["status"] = {{"allowed", true}, {"reason", "the sandbox has one user who may do everything"}};
  }
  return respond_object(core, call, 201, *body);
}

}  // namespace stowage::sandbox
