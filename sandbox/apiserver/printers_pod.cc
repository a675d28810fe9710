#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sandbox/apiserver/output.h"
#include "sandbox/apiserver/printers.h"

namespace stowage::sandbox {
namespace {

const Json& array_at(const Json& object, std::initializer_list<std::string_view> path) {
  static const Json empty = Json::array();
  const Json* found = find_path(object, path);
  return found != nullptr && found->is_array() ? *found : empty;
}

struct Summary {
  std::string reason;
  int64_t ready = 0, restarts = 0;
  size_t total = 0;
};

/// The word in the STATUS column: kubectl's printPod logic for phases, waiting and terminated containers.
Summary summarise(const Json& pod) {
  Summary out;
  out.reason = string_at(pod, {"status", "phase"});
  if (const std::string reason = string_at(pod, {"status", "reason"}); !reason.empty()) out.reason = reason;
  for (const Json& condition : array_at(pod, {"status", "conditions"})) {
    if (string_at(condition, {"type"}) == "PodScheduled" &&
        string_at(condition, {"reason"}) == "SchedulingGated")
      out.reason = "SchedulingGated";
  }
  out.total = array_at(pod, {"spec", "containers"}).size();
  bool running = false;
  const Json& statuses = array_at(pod, {"status", "containerStatuses"});
  for (auto it = statuses.rbegin(); it != statuses.rend(); ++it) {
    out.restarts += it->value("restartCount", int64_t{0});
    const std::string waiting = string_at(*it, {"state", "waiting", "reason"});
    const Json* terminated = find_path(*it, {"state", "terminated"});
    if (!waiting.empty()) {
      out.reason = waiting;
    } else if (terminated != nullptr) {
      const std::string reason = string_at(*terminated, {"reason"});
      out.reason = !reason.empty() ? reason : fmt::format("ExitCode:{}", terminated->value("exitCode", 0));
    } else if (it->value("ready", false) && find_path(*it, {"state", "running"}) != nullptr) {
      running = true;
      ++out.ready;
    }
  }
  if (out.reason == "Completed" && running) {
    bool ready = false;
    for (const Json& condition : array_at(pod, {"status", "conditions"}))
      ready =
          ready || (string_at(condition, {"type"}) == "Ready" && string_at(condition, {"status"}) == "True");
    out.reason = ready ? "Running" : "NotReady";
  }
  const bool done = out.reason == "Succeeded" || out.reason == "Failed";
  if (find_path(pod, {"metadata", "deletionTimestamp"}) != nullptr) {
    if (string_at(pod, {"status", "reason"}) == "NodeLost") {
      out.reason = "Unknown";
    } else if (!done) {
      out.reason = "Terminating";
    }
  }
  return out;
}

std::string or_none(std::string text) {
  return text.empty() ? "<none>" : text;
}

}  // namespace

Json pod_cells(const Json& pod, WallTime now) {
  const Summary s = summarise(pod);
  std::string gates;
  size_t gate_count = 0;
  size_t gates_ready = 0;
  for (const Json& gate : array_at(pod, {"spec", "readinessGates"})) {
    ++gate_count;
    for (const Json& condition : array_at(pod, {"status", "conditions"})) {
      if (string_at(condition, {"type"}) == string_at(gate, {"conditionType"}) &&
          string_at(condition, {"status"}) == "True")
        ++gates_ready;
    }
  }
  if (gate_count > 0) gates = fmt::format("{}/{}", gates_ready, gate_count);
  return Json::array(
      {string_at(pod, {"metadata", "name"}), fmt::format("{}/{}", s.ready, s.total), s.reason,
       std::to_string(s.restarts), human_age(string_at(pod, {"metadata", "creationTimestamp"}), now),
       or_none(string_at(pod, {"status", "podIP"})), or_none(string_at(pod, {"spec", "nodeName"})),
       or_none(string_at(pod, {"status", "nominatedNodeName"})), or_none(gates)});
}

Json node_cells(const Json& node, WallTime now) {
  std::string status;
  for (const Json& condition : array_at(node, {"status", "conditions"})) {
    if (string_at(condition, {"type"}) == "Ready")
      status = string_at(condition, {"status"}) == "True" ? "Ready" : "NotReady";
  }
  if (status.empty()) status = "Unknown";
  const Json* cordoned = find_path(node, {"spec", "unschedulable"});
  if (cordoned != nullptr && *cordoned == Json(true)) status += ",SchedulingDisabled";
  std::string roles;
  if (const Json* labels = find_path(node, {"metadata", "labels"});
      labels != nullptr && labels->is_object()) {
    for (const auto& [key, value] : labels->items()) {
      static constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
      std::string role;
      if (key.starts_with(kPrefix)) role = key.substr(kPrefix.size());
      if (key == "kubernetes.io/role" && value.is_string()) role = value.get<std::string>();
      if (!role.empty()) roles += (roles.empty() ? "" : ",") + role;
    }
  }
  std::string internal;
  std::string external;
  for (const Json& address : array_at(node, {"status", "addresses"})) {
    if (string_at(address, {"type"}) == "InternalIP" && internal.empty())
      internal = string_at(address, {"address"});
    if (string_at(address, {"type"}) == "ExternalIP" && external.empty())
      external = string_at(address, {"address"});
  }
  const auto info = [&](const char* key) {
    const std::string value = string_at(node, {"status", "nodeInfo", key});
    return value.empty() ? "<unknown>" : value;
  };
  return Json::array({string_at(node, {"metadata", "name"}), status, or_none(roles),
                      human_age(string_at(node, {"metadata", "creationTimestamp"}), now),
                      string_at(node, {"status", "nodeInfo", "kubeletVersion"}), or_none(internal),
                      or_none(external), info("osImage"), info("kernelVersion"),
                      info("containerRuntimeVersion")});
}

}  // namespace stowage::sandbox
