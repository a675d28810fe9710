#include "sandbox/world/pod_status.h"

#include <nlohmann/json.hpp>

namespace stowage::sandbox {
namespace {

using Json = nlohmann::json;

Json condition(const char* type, bool status, const std::string& time, const char* reason = nullptr) {
  Json out = {{"type", type}, {"status", status ? "True" : "False"}, {"lastTransitionTime", time}};
  out["reason"] = reason == nullptr ? Json(nullptr) : Json(reason);
  return out;
}

Json container_statuses(const api::Pod& pod, bool ready, const Json& state) {
  Json out = Json::array();
  for (const auto& container : pod.spec.containers) {
    out.push_back({{"name", container.name},
                   {"image", container.image},
                   {"imageID", ""},
                   {"ready", ready},
                   {"started", ready},
                   {"restartCount", 0},
                   {"state", state}});
  }
  return out;
}

/// `key` is hostIP or podIP; the list beside it says the same.
void set_address(Json& status, const std::string& key, const std::string& address) {
  if (address.empty()) return;
  status[key] = address;
  status[key + "s"] = {{{"$patch", "replace"}}, {{"ip", address}}};
}

std::string patch(const api::Pod& pod, Json status) {
  return Json{{"metadata", {{"uid", pod.meta.uid}}}, {"status", std::move(status)}}.dump();
}

}  // namespace

std::string starting_patch(const api::Pod& pod, WallTime now, const std::string& host) {
  const std::string time = format_rfc3339(now);
  Json status = {
      {"phase", "Pending"},
      {"startTime", time},
      {"conditions",
       {condition("Initialized", true, time), condition("Ready", false, time, "ContainersNotReady"),
        condition("ContainersReady", false, time, "ContainersNotReady")}},
      {"containerStatuses",
       container_statuses(pod, false, {{"waiting", {{"reason", "ContainerCreating"}}}})}};
  set_address(status, "hostIP", host);
  return patch(pod, std::move(status));
}

std::string ready_patch(const api::Pod& pod, WallTime now, const PodAddress& address) {
  const std::string time = format_rfc3339(now);
  Json status = {{"phase", "Running"},
                 {"conditions",
                  {condition("Initialized", true, time), condition("Ready", true, time),
                   condition("ContainersReady", true, time)}},
                 {"containerStatuses", container_statuses(pod, true, {{"running", {{"startedAt", time}}}})}};
  set_address(status, "hostIP", address.host);
  set_address(status, "podIP", address.pod);
  return patch(pod, std::move(status));
}

std::string finished_patch(const api::Pod& pod, WallTime now, bool succeeded) {
  const std::string time = format_rfc3339(now);
  const char* reason = succeeded ? "PodCompleted" : "PodFailed";
  const Json state = {{"terminated",
                       {{"exitCode", succeeded ? 0 : 1},
                        {"reason", succeeded ? "Completed" : "Error"},
                        {"startedAt", time},
                        {"finishedAt", time}}}};
  return patch(
      pod, {{"phase", succeeded ? "Succeeded" : "Failed"},
            {"conditions",
             {condition("Ready", false, time, reason), condition("ContainersReady", false, time, reason)}},
            {"containerStatuses", container_statuses(pod, false, state)}});
}

std::string readiness_patch(const api::Pod& pod, WallTime now, bool ready, const char* reason) {
  const std::string time = format_rfc3339(now);
  return patch(pod, {{"conditions",
                      {condition("Ready", ready, time, ready ? nullptr : reason),
                       condition("ContainersReady", ready, time, ready ? nullptr : reason)}}});
}

std::string terminated_patch(const api::Pod& pod, WallTime now) {
  const std::string time = format_rfc3339(now);
  return patch(
      pod, {{"phase", "Failed"},
            {"reason", "Terminated"},
            {"message", "Pod was terminated in response to imminent node shutdown."},
            {"conditions",
             {condition("Ready", false, time, "PodFailed"),
              condition("ContainersReady", false, time, "PodFailed")}},
            {"containerStatuses",
             container_statuses(
                 pod, false,
                 {{"terminated",
                   {{"exitCode", 143}, {"reason", "Error"}, {"startedAt", time}, {"finishedAt", time}}}})}});
}

std::string rejected_patch(const api::Pod& pod, WallTime now, const std::string& reason,
                           const std::string& message) {
  return patch(
      pod,
      {{"phase", "Failed"}, {"reason", reason}, {"message", message}, {"startTime", format_rfc3339(now)}});
}

}  // namespace stowage::sandbox
