#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/quantity.h"
#include "sandbox/apiserver/builtin/builtin.h"
#include "sandbox/apiserver/names.h"

namespace stowage::sandbox {
namespace {

void tolerate(Json& spec, const char* key) {
  Json& list = spec["tolerations"];
  if (!list.is_array()) list = Json::array();
  for (const Json& t : list) {
    const std::string effect = string_at(t, {"effect"});
    const std::string own = string_at(t, {"key"});
    if ((own == key || own.empty()) && (effect == "NoExecute" || effect.empty())) return;
  }
  Json toleration = Json::object();
  toleration["effect"] = "NoExecute";
  toleration["key"] = key;
  toleration["operator"] = "Exists";
  toleration["tolerationSeconds"] = 300;
  list.push_back(std::move(toleration));
}

/// Priority admission: the class, or the global default, or 0.
void resolve_priority(const Core& core, Json& spec) {
  const ResourcePtr classes = core.builtin("scheduling.k8s.io", "priorityclasses");
  std::string name = string_at(spec, {"priorityClassName"});
  ObjectPtr found = name.empty() ? nullptr : classes->collection->get(name);
  if (name.empty()) {
    for (const auto& [key, object] : classes->collection->objects()) {
      if (object->body.find(R"("globalDefault":true)") == std::string::npos) continue;  // spares a parse
      const Json tree = parse_stored(object->body);
      const Json* flag = find(tree, "globalDefault");
      if (flag != nullptr && *flag == Json(true)) found = object, name = key;
    }
  }
  if (found == nullptr) {
    default_member(spec, "priority", 0);
    default_member(spec, "preemptionPolicy", "PreemptLowerPriority");
    return;
  }
  const Json tree = parse_stored(found->body);
  spec["priorityClassName"] = name;
  spec["priority"] = tree.value("value", 0);
  default_member(spec, "preemptionPolicy",
                 tree.value("preemptionPolicy", std::string("PreemptLowerPriority")));
}

void check_quantities(const Json& container, const std::string& path, std::vector<Cause>& causes) {
  const Json* resources = find(container, "resources");
  if (resources == nullptr) return;
  for (const char* kind : {"limits", "requests"}) {
    const Json* list = find(*resources, kind);
    if (list == nullptr || !list->is_object()) continue;
    for (const auto& [name, quantity] : list->items()) {
      const std::string text = quantity.is_string() ? quantity.get<std::string>() : dump(quantity);
      const auto field = [&] { return fmt::format("{}.resources.{}[{}]", path, kind, name); };
      if (text.starts_with('-'))
        causes.push_back({"FieldValueInvalid",
                          fmt::format("Invalid value: \"{}\": must be greater than or equal to 0", text),
                          field()});
      const std::string limit = string_at(*resources, {"limits", name});
      const bool extended = name.find('/') != std::string::npos;
      if (extended && text.ends_with('m')) {
        causes.push_back(
            {"FieldValueInvalid", fmt::format("Invalid value: \"{}\": must be an integer", text), field()});
      }
      if (std::string_view(kind) != "requests") continue;
      const auto want = parse_quantity_milli(text);
      const auto bound = limit.empty() ? Result<int64_t>(INT64_MAX) : parse_quantity_milli(limit);
      if (extended && limit.empty()) {
        causes.push_back({"FieldValueRequired",
                          "Required value: Limit must be set for non overcommitable resources",
                          fmt::format("{}.resources.limits", path)});
      } else if (want && bound && (extended ? *want != *bound : *want > *bound)) {
        causes.push_back({"FieldValueInvalid",
                          fmt::format("Invalid value: \"{}\": must be {} {} limit of {}", text,
                                      extended ? "equal to" : "less than or equal to", name, limit),
                          fmt::format("{}.resources.requests", path)});
      }
    }
  }
}

void check_containers(const Json& spec, const std::string& path, std::vector<Cause>& causes) {
  std::set<std::string> names;
  std::set<std::string> volumes;
  if (const Json* list = find(spec, "volumes"); list != nullptr && list->is_array()) {
    for (size_t i = 0; i < list->size(); ++i) {
      const std::string name = string_at((*list)[i], {"name"});
      const std::string field = fmt::format("{}.volumes[{}].name", path, i);
      if (name.empty()) causes.push_back({"FieldValueRequired", "Required value", field});
      if (!volumes.insert(name).second)
        causes.push_back({"FieldValueDuplicate", fmt::format("Duplicate value: \"{}\"", name), field});
    }
  }
  for (const char* kind : {"containers", "initContainers"}) {
    const Json* list = find(spec, kind);
    if (list == nullptr || !list->is_array()) continue;
    for (size_t i = 0; i < list->size(); ++i) {
      const Json& container = (*list)[i];
      const std::string at = fmt::format("{}.{}[{}]", path, kind, i);
      const std::string name = string_at(container, {"name"});
      if (name.empty()) {
        causes.push_back({"FieldValueRequired", "Required value", at + ".name"});
      } else if (const std::string why = dns_label_problem(name); !why.empty()) {
        causes.push_back(
            {"FieldValueInvalid", fmt::format("Invalid value: \"{}\": {}", name, why), at + ".name"});
      }
      if (!name.empty() && !names.insert(name).second)
        causes.push_back({"FieldValueDuplicate", fmt::format("Duplicate value: \"{}\"", name), at + ".name"});
      if (string_at(container, {"image"}).empty())
        causes.push_back({"FieldValueRequired", "Required value", at + ".image"});
      check_quantities(container, at, causes);
      const Json* mounts = find(container, "volumeMounts");
      for (size_t k = 0; mounts != nullptr && mounts->is_array() && k < mounts->size(); ++k) {
        const std::string volume = string_at((*mounts)[k], {"name"});
        if (!volumes.contains(volume)) {
          causes.push_back({"FieldValueNotFound", fmt::format("Not found: \"{}\"", volume),
                            fmt::format("{}.volumeMounts[{}].name", at, k)});
        }
      }
    }
  }
}

/// The time that a pod may run may only become shorter; false when it did not.
bool check_deadline(const Json& spec, const Json& old, std::vector<Cause>& causes) {
  constexpr const char* kField = "spec.activeDeadlineSeconds";
  const Json* now = find(spec, "activeDeadlineSeconds");
  const Json* was = find(old, "activeDeadlineSeconds");
  if (now == nullptr && was == nullptr) return true;
  const int64_t seconds = now == nullptr ? 0 : now->get<int64_t>();
  std::string why;
  if (now == nullptr) {
    why = "must not update from a positive integer to nil value";
  } else if (seconds <= 0 || seconds > INT32_MAX) {
    why = "must be between 1 and 2147483647, inclusive";
  } else if (was != nullptr && was->get<int64_t>() < seconds) {
    why = "must be less than or equal to previous value";
  }
  if (why.empty()) return true;
  causes.push_back({"FieldValueInvalid",
                    fmt::format("Invalid value: {}: {}", now == nullptr ? "null" : dump(*now), why), kField});
  return false;
}

/// A pod's spec may change in few places.
bool allowed_spec_change(Json old_spec, Json new_spec) {
  for (Json* spec : {&old_spec, &new_spec}) {
    for (const char* list : {"containers", "initContainers"}) {
      if (!spec->contains(list)) continue;
      for (Json& container : (*spec)[list])
        container.erase("image");
    }
    spec->erase("activeDeadlineSeconds");
    spec->erase("schedulingGates");
  }
  const Json before = old_spec.value("tolerations", Json::array());
  const Json after = new_spec.value("tolerations", Json::array());
  const bool kept = std::all_of(before.begin(), before.end(), [&](const Json& t) {
    return std::find(after.begin(), after.end(), t) != after.end();
  });
  old_spec.erase("tolerations");
  new_spec.erase("tolerations");
  return kept && old_spec == new_spec;
}

}  // namespace

void prepare_pod(const Core& core, Json& pod, const Json* old) {
  Json& spec = object_member(pod, "spec");
  if (old == nullptr) {
    // Admission gives every pod an account; it counts as part of the spec from then on.
    default_member(
        spec, "serviceAccountName",
        string_at(spec, {"serviceAccount"}).empty() ? "default" : string_at(spec, {"serviceAccount"}));
    resolve_priority(core, spec);
    tolerate(spec, "node.kubernetes.io/not-ready");
    tolerate(spec, "node.kubernetes.io/unreachable");
    default_pod_spec(spec);  // the class of service counts defaulted requests
    Json& status = pod["status"];
    status = Json::object();
    status["phase"] = "Pending";
    status["qosClass"] = qos_class(spec);
    if (const Json* gates = find(spec, "schedulingGates"); gates != nullptr && !gates->empty()) {
      pod["status"]["conditions"] =
          Json::array({{{"type", "PodScheduled"},
                        {"status", "False"},
                        {"reason", "SchedulingGated"},
                        {"message", "Scheduling is blocked due to non-empty scheduling gates"},
                        {"lastTransitionTime", string_at(pod, {"metadata", "creationTimestamp"})}}});
    }
  }
  default_member(spec, "enableServiceLinks", true);
  if (old != nullptr) default_pod_spec(spec);
}

void validate_pod_spec(const Json& spec, const std::string& path, std::vector<Cause>& causes) {
  const Json* containers = find(spec, "containers");
  if (containers == nullptr || !containers->is_array() || containers->empty()) {
    causes.push_back({"FieldValueRequired", "Required value", path + ".containers"});
  }
  check_containers(spec, path, causes);
  const std::string restart = string_at(spec, {"restartPolicy"});
  if (restart != "Always" && restart != "OnFailure" && restart != "Never") {
    causes.push_back(
        {"FieldValueNotSupported",
         fmt::format("Unsupported value: \"{}\": supported values: \"Always\", \"Never\", \"OnFailure\"",
                     restart),
         path + ".restartPolicy"});
  }
  for (const char* key : {"hostname", "subdomain"}) {
    const std::string value = string_at(spec, {key});
    if (value.empty()) continue;
    if (const std::string why = dns_label_problem(value); !why.empty())
      causes.push_back(
          {"FieldValueInvalid", fmt::format("Invalid value: \"{}\": {}", value, why), path + "." + key});
  }
}

void validate_pod(const Core& core, const Json& pod, const Json* old, std::vector<Cause>& causes) {
  const Json& spec = pod.at("spec");
  validate_pod_spec(spec, "spec", causes);
  if (old == nullptr) {
    const std::string name = string_at(spec, {"priorityClassName"});
    if (!name.empty() &&
        core.builtin("scheduling.k8s.io", "priorityclasses")->collection->get(name) == nullptr) {
      causes.push_back({"FieldValueForbidden",
                        fmt::format("Forbidden: no PriorityClass with name {} was found", name),
                        "spec.priorityClassName"});
    }
    return;
  }
  if (!check_deadline(spec, old->at("spec"), causes)) return;
  if (!allowed_spec_change(old->at("spec"), spec)) {
    causes.push_back(
        {"FieldValueForbidden",
         "Forbidden: pod updates may not change fields other than "
         "`spec.containers[*].image`,`spec.initContainers[*].image`,"
         "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
         "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
         "spec"});
  }
}

}  // namespace stowage::sandbox
