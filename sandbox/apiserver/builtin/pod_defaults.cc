#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/quantity.h"
#include "sandbox/apiserver/builtin/builtin.h"

namespace stowage::sandbox {
namespace {

/// "Always" for :latest and untagged images.
std::string pull_policy(std::string_view image) {
  if (image.find('@') != std::string_view::npos) return "IfNotPresent";
  const size_t slash = image.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? image : image.substr(slash + 1);
  const size_t colon = name.find(':');
  return colon == std::string_view::npos || name.substr(colon + 1) == "latest" ? "Always" : "IfNotPresent";
}

void default_http_get(Json& holder) {
  if (!holder.contains("httpGet") || !holder["httpGet"].is_object()) return;
  default_member(holder["httpGet"], "path", "/");
  default_member(holder["httpGet"], "scheme", "HTTP");
}

void default_probe(Json& container, const char* key) {
  if (!container.contains(key) || !container[key].is_object()) return;
  Json& probe = container[key];
  default_member(probe, "timeoutSeconds", 1);
  default_member(probe, "periodSeconds", 10);
  default_member(probe, "successThreshold", 1);
  default_member(probe, "failureThreshold", 3);
  default_http_get(probe);
  if (probe.contains("grpc") && probe["grpc"].is_object()) default_member(probe["grpc"], "service", "");
}

void default_container(Json& container) {
  if (!container.is_object()) return;
  if (!container.contains("imagePullPolicy"))
    container["imagePullPolicy"] = pull_policy(string_at(container, {"image"}));
  default_member(container, "terminationMessagePath", "/dev/termination-log");
  default_member(container, "terminationMessagePolicy", "File");
  Json& resources = object_member(container, "resources");
  if (const Json* limits = find(resources, "limits");
      limits != nullptr && limits->is_object() && !limits->empty()) {
    Json& requests = object_member(resources, "requests");  // `limits` stays where it is
    for (const auto& [name, quantity] : limits->get_ref<const Json::object_t&>())
      requests.get_ref<Json::object_t&>().try_emplace(name, quantity);
  }
  if (container.contains("ports") && container["ports"].is_array()) {
    for (Json& port : container["ports"])
      default_member(port, "protocol", "TCP");
  }
  if (container.contains("env") && container["env"].is_array()) {
    for (Json& env : container["env"]) {
      if (env.contains("valueFrom") && env["valueFrom"].contains("fieldRef"))
        default_member(env["valueFrom"]["fieldRef"], "apiVersion", "v1");
    }
  }
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"})
    default_probe(container, probe);
  if (container.contains("lifecycle") && container["lifecycle"].is_object()) {
    for (const char* hook : {"postStart", "preStop"}) {
      if (container["lifecycle"].contains(hook)) default_http_get(container["lifecycle"][hook]);
    }
  }
}

void default_volume(Json& volume) {
  if (!volume.is_object()) return;
  if (volume.size() == 1 && volume.contains("name")) volume["emptyDir"] = Json::object();
  for (const char* source : {"secret", "configMap", "projected", "downwardAPI"}) {
    if (volume.contains(source) && volume[source].is_object())
      default_member(volume[source], "defaultMode", 420);
  }
  if (volume.contains("hostPath") && volume["hostPath"].is_object())
    default_member(volume["hostPath"], "type", "");
}

template <class F>
void each_container(Json& spec, F&& f) {
  for (const char* list : {"initContainers", "containers"}) {
    if (!spec.contains(list) || !spec[list].is_array()) continue;
    for (Json& container : spec[list])
      f(container);
  }
}

}  // namespace

void default_member(Json& object, const char* key, Json value) {
  if (!object.is_object()) return;
  auto& members = object.get_ref<Json::object_t&>();
  const auto at = members.lower_bound(std::string_view(key));
  if (at == members.end() || at->first != key) members.emplace_hint(at, key, std::move(value));
}

Json& object_member(Json& object, const char* key) {
  Json& member = object[key];
  if (!member.is_object()) member = Json::object();
  return member;
}

void default_pod_spec(Json& spec) {
  default_member(spec, "restartPolicy", "Always");
  default_member(spec, "terminationGracePeriodSeconds", 30);
  default_member(spec, "dnsPolicy", "ClusterFirst");
  default_member(spec, "securityContext", Json::object());
  default_member(spec, "schedulerName", "default-scheduler");
  if (const std::string account = string_at(spec, {"serviceAccountName"}); !account.empty())
    default_member(spec, "serviceAccount", account);
  each_container(spec, [](Json& container) { default_container(container); });
  if (spec.contains("volumes") && spec["volumes"].is_array()) {
    for (Json& volume : spec["volumes"])
      default_volume(volume);
  }
}

std::string qos_class(const Json& spec) {
  bool any = false;
  bool guaranteed = true;
  for (const char* list : {"initContainers", "containers"}) {
    const Json* containers = find(spec, list);
    if (containers == nullptr || !containers->is_array()) continue;
    for (const Json& container : *containers) {
      for (const char* resource : {"cpu", "memory"}) {
        const std::string request = string_at(container, {"resources", "requests", resource});
        const std::string limit = string_at(container, {"resources", "limits", resource});
        const auto nonzero = [](const std::string& q) {
          return !q.empty() && parse_quantity_milli(q).value_or(0) != 0;
        };
        any = any || nonzero(request) || nonzero(limit);
        guaranteed = guaranteed && nonzero(limit) && request == limit;
      }
    }
  }
  return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

}  // namespace stowage::sandbox
