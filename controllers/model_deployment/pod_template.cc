#include "controllers/model_deployment/pod_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>

namespace stowage::model_deployment {
namespace {

using Json = nlohmann::json;
using Words = std::initializer_list<std::string_view>;

std::unexpected<Error> reject(const std::string& path, std::string_view why) {
  return fail(Code::kInvalidArgument, fmt::format("podTemplate{}: {}", path, why));
}

Result<void> only(const Json& object, const std::string& path, Words permitted) {
  if (!object.is_object()) return reject(path, "must be an object");
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(permitted, key) == permitted.end()) {
      return reject(path + "." + key, "is not permitted here: remove it");
    }
  }
  return {};
}

Result<void> array_of_objects(const Json& value, const std::string& path) {
  if (!value.is_array()) return reject(path, "must be a list");
  for (size_t i = 0; i < value.size(); ++i) {
    if (!value[i].is_object()) return reject(fmt::format("{}[{}]", path, i), "must be an object");
  }
  return {};
}

std::string text(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool is_true(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && *it == true;
}

Result<void> check_metadata(const Json& metadata) {
  TRY_VOID(only(metadata, ".metadata", {"labels", "annotations"}));
  for (const auto& [map, entries] : metadata.items()) {
    const std::string path = ".metadata." + map;
    if (!entries.is_object()) return reject(path, "must be a map of strings");
    for (const auto& [key, value] : entries.items()) {
      if (key.starts_with("stowage.dev/")) {
        return reject(path + "[" + key + "]", "keys of stowage.dev are set by Stowage: remove it");
      }
      if (!value.is_string()) return reject(path + "[" + key + "]", "must be a string");
    }
  }
  return {};
}

Result<void> check_container(const Json& container, const std::string& path, const std::string& resource) {
  TRY_VOID(only(
      container, path,
      {"name", "image", "command", "args", "env", "envFrom", "resources", "volumeMounts", "ports",
       "imagePullPolicy", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "securityContext",
       "workingDir", "terminationMessagePath", "terminationMessagePolicy", "restartPolicy"}));
  if (text(container, "name").empty()) return reject(path + ".name", "is required");
  for (const char* list : {"env", "envFrom", "volumeMounts", "ports"}) {
    if (container.contains(list)) TRY_VOID(array_of_objects(container[list], path + "." + list));
  }
  if (container.contains("ports")) {
    for (size_t i = 0; i < container["ports"].size(); ++i) {
      for (const char* key : {"hostPort", "hostIP"}) {
        if (container["ports"][i].contains(key)) {
          return reject(fmt::format("{}.ports[{}].{}", path, i, key), "is not permitted: remove it");
        }
      }
    }
  }
  if (const auto security = container.find("securityContext"); security != container.end()) {
    TRY_VOID(only(*security, path + ".securityContext",
                  {"runAsUser", "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem", "capabilities",
                   "seccompProfile", "seLinuxOptions", "appArmorProfile", "allowPrivilegeEscalation"}));
    if (is_true(*security, "allowPrivilegeEscalation")) {
      return reject(path + ".securityContext.allowPrivilegeEscalation", "must not be true");
    }
  }
  if (const auto resources = container.find("resources"); resources != container.end()) {
    TRY_VOID(only(*resources, path + ".resources", {"limits", "requests"}));
    for (const auto& [list, amounts] : resources->items()) {
      if (!amounts.is_object()) return reject(path + ".resources." + list, "must be a map of quantities");
      if (amounts.contains(resource)) {
        return reject(fmt::format("{}.resources.{}[{}]", path, list, resource),
                      "the number of devices comes from spec.parallelism and spec.accelerator: remove it");
      }
    }
  }
  return {};
}

Result<void> check_volumes(const Json& volumes) {
  TRY_VOID(array_of_objects(volumes, ".spec.volumes"));
  for (size_t i = 0; i < volumes.size(); ++i) {
    const std::string path = fmt::format(".spec.volumes[{}]", i);
    TRY_VOID(only(volumes[i], path,
                  {"name", "emptyDir", "configMap", "secret", "projected", "downwardAPI",
                   "persistentVolumeClaim", "ephemeral", "csi", "image"}));
    if (text(volumes[i], "name").empty()) return reject(path + ".name", "is required");
  }
  return {};
}

Result<void> check_tolerations(const Json& tolerations) {
  TRY_VOID(array_of_objects(tolerations, ".spec.tolerations"));
  for (size_t i = 0; i < tolerations.size(); ++i) {
    const std::string path = fmt::format(".spec.tolerations[{}]", i);
    const std::string key = text(tolerations[i], "key");
    if (key.empty())
      return reject(path + ".key", "is required: everything would include control-plane nodes");
    if (key == "node-role.kubernetes.io/control-plane" || key == "node-role.kubernetes.io/master") {
      return reject(path + ".key", "models do not run on control-plane nodes: remove this toleration");
    }
  }
  return {};
}

Result<void> check_spec(const Json& spec, const std::string& resource) {
  TRY_VOID(only(spec, ".spec",
                {"containers", "initContainers", "volumes", "tolerations", "affinity", "imagePullSecrets",
                 "serviceAccountName", "securityContext", "terminationGracePeriodSeconds", "runtimeClassName",
                 "dnsConfig", "dnsPolicy", "hostAliases", "topologySpreadConstraints",
                 "automountServiceAccountToken", "readinessGates", "preemptionPolicy"}));
  for (const char* list : {"containers", "initContainers"}) {
    if (!spec.contains(list)) continue;
    TRY_VOID(array_of_objects(spec[list], fmt::format(".spec.{}", list)));
    for (size_t i = 0; i < spec[list].size(); ++i)
      TRY_VOID(check_container(spec[list][i], fmt::format(".spec.{}[{}]", list, i), resource));
  }
  for (const char* list :
       {"imagePullSecrets", "hostAliases", "topologySpreadConstraints", "readinessGates"}) {
    if (spec.contains(list)) TRY_VOID(array_of_objects(spec[list], fmt::format(".spec.{}", list)));
  }
  if (spec.contains("volumes")) TRY_VOID(check_volumes(spec["volumes"]));
  if (spec.contains("tolerations")) TRY_VOID(check_tolerations(spec["tolerations"]));
  if (spec.contains("affinity")) {
    TRY_VOID(only(spec["affinity"], ".spec.affinity", {"nodeAffinity", "podAffinity", "podAntiAffinity"}));
  }
  if (spec.contains("securityContext")) {
    TRY_VOID(
        only(spec["securityContext"], ".spec.securityContext",
             {"runAsUser", "runAsGroup", "runAsNonRoot", "fsGroup", "fsGroupChangePolicy", "seLinuxOptions",
              "seccompProfile", "supplementalGroups", "supplementalGroupsPolicy", "appArmorProfile"}));
  }
  if (text(spec, "dnsPolicy") == "ClusterFirstWithHostNet") {
    return reject(".spec.dnsPolicy",
                  "ClusterFirstWithHostNet needs the host's network, which is not permitted");
  }
  return {};
}

// The key by which the entries of a list are the same thing; empty = the list is replaced.
std::string_view merge_key(std::string_view list) {
  for (const std::string_view name : {"containers", "initContainers", "volumes", "env", "imagePullSecrets"}) {
    if (list == name) return "name";
  }
  if (list == "volumeMounts") return "mountPath";
  if (list == "ports") return "containerPort";
  return {};
}

void merge(Json& base, const Json& overlay);

void merge_list(Json& base, const Json& overlay, std::string_view key) {
  for (const auto& entry : overlay) {
    const auto same = std::ranges::find_if(base, [&](const Json& other) {
      return entry.contains(key) && other.contains(key) && other[std::string(key)] == entry[std::string(key)];
    });
    if (same == base.end()) {
      base.push_back(entry);
    } else if (key == "mountPath" || (key == "name" && entry.contains("valueFrom"))) {
      *same = entry;
    } else {
      merge(*same, entry);
      // A variable has a value or a source, never both.
      if (key == "name" && entry.contains("value")) same->erase("valueFrom");
    }
  }
}

void merge(Json& base, const Json& overlay) {
  for (const auto& [key, value] : overlay.items()) {
    const auto there = base.find(key);
    if (there == base.end() || value.type() != there->type()) {
      base[key] = value;
    } else if (value.is_object()) {
      merge(*there, value);
    } else if (key == "tolerations") {
      there->insert(there->end(), value.begin(), value.end());
    } else if (value.is_array() && !merge_key(key).empty()) {
      merge_list(*there, value, merge_key(key));
    } else {
      *there = value;
    }
  }
}

// Containers that the user adds obey the same standard as the engine, unless they say otherwise.
void restrict(Json& spec) {
  for (const char* list : {"containers", "initContainers"}) {
    if (!spec.contains(list)) continue;
    for (Json& container : spec[list]) {
      Json& security = container["securityContext"];
      if (security.is_null()) security = Json::object();
      if (!security.contains("allowPrivilegeEscalation")) security["allowPrivilegeEscalation"] = false;
      if (!security.contains("capabilities")) security["capabilities"] = {{"drop", {"ALL"}}};
    }
  }
}

}  // namespace

Result<void> merge_pod_template(Json& base, const Json& overlay, const std::string& resource) {
  TRY_VOID(only(overlay, "", {"metadata", "spec"}));
  if (overlay.contains("metadata")) TRY_VOID(check_metadata(overlay["metadata"]));
  if (overlay.contains("spec")) TRY_VOID(check_spec(overlay["spec"], resource));
  merge(base, overlay);
  restrict(base["spec"]);
  return {};
}

}  // namespace stowage::model_deployment
