#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/output.h"
#include "sandbox/apiserver/print_text.h"

// The columns of kubernetes/pkg/printers/internalversion, seen on kube-apiserver 1.37.2.

namespace stowage::sandbox {
namespace {

const PrinterColumn kName{"Name"};
const PrinterColumn kAge{"Age"};

std::vector<PrinterColumn> with_containers(std::vector<PrinterColumn> columns) {
  for (const char* name : {"Containers", "Images", "Selector"})
    columns.push_back({name, "string", 1});
  return columns;
}

/// What with_containers() shows of a pod template.
void add_containers(Json& cells, const Json* pod_spec, const std::string& selector) {
  const Json* containers = pod_spec == nullptr ? nullptr : find(*pod_spec, "containers");
  cells.push_back(joined(containers, "name"));
  cells.push_back(joined(containers, "image"));
  cells.push_back(selector);
}

/// The first three, and how many more.
std::string few(const std::vector<std::string>& all, const char* none) {
  constexpr size_t kShown = 3;
  if (all.empty()) return none;
  std::string out;
  for (size_t i = 0; i < std::min(kShown, all.size()); ++i)
    out += (i == 0 ? "" : ",") + all[i];
  return all.size() > kShown ? out + fmt::format(" + {} more...", all.size() - kShown) : out;
}

const Json& list_at(const Json& o, std::initializer_list<std::string_view> path) {
  static const Json none = Json::array();
  const Json* found = find_path(o, path);
  return found != nullptr && found->is_array() ? *found : none;
}

std::string go_bool(const Json& o, std::initializer_list<std::string_view> path) {
  const Json* found = find_path(o, path);
  return found != nullptr && *found == Json(true) ? "True" : "False";
}

Json endpoints_cells(const Json& o, WallTime now) {
  std::vector<std::string> all;
  for (const Json& subset : list_at(o, {"subsets"})) {
    const Json& ports = list_at(subset, {"ports"});
    for (const Json& address : list_at(subset, {"addresses"})) {
      if (ports.empty()) all.push_back(string_at(address, {"ip"}));
    }
    for (const Json& port : ports) {
      for (const Json& address : list_at(subset, {"addresses"}))
        all.push_back(fmt::format("{}:{}", string_at(address, {"ip"}), number(port, {"port"})));
    }
  }
  return Json::array({name_of(o), few(all, "<none>"), age(o, now)});
}

Json slice_cells(const Json& o, WallTime now) {
  std::vector<std::string> ports, addresses;
  for (const Json& port : list_at(o, {"ports"}))
    ports.push_back(text_or(port, {"port"}, "*"));
  for (const Json& endpoint : list_at(o, {"endpoints"})) {
    for (const Json& address : list_at(endpoint, {"addresses"}))
      addresses.push_back(address.get<std::string>());
  }
  return Json::array({name_of(o), string_at(o, {"addressType"}), few(ports, "<unset>"),
                      few(addresses, "<unset>"), age(o, now)});
}

Json quota_cells(const Json& o, WallTime now) {
  std::string requests, limits;
  if (const Json* hard = find_path(o, {"status", "hard"}); hard != nullptr) {
    for (const auto& [name, most] : hard->items()) {
      std::string& out = name.starts_with("limits") ? limits : requests;
      out += fmt::format("{}{}: {}/{}", out.empty() ? "" : ", ", name,
                         text_or(o, {"status", "used", name}, "0"), most.get<std::string>());
    }
  }
  return Json::array({name_of(o), requests, limits, age(o, now)});
}

Json controller_cells(const Json& o, WallTime now) {
  Json out = Json::array({name_of(o), number(o, {"spec", "replicas"}), number(o, {"status", "replicas"}),
                          number(o, {"status", "readyReplicas"}), age(o, now)});
  add_containers(out, find_path(o, {"spec", "template", "spec"}),
                 selector_text(find_path(o, {"spec", "selector"})));
  return out;
}

Json daemons_cells(const Json& o, WallTime now) {
  Json out = Json::array({name_of(o)});
  for (const char* field : {"desiredNumberScheduled", "currentNumberScheduled", "numberReady",
                            "updatedNumberScheduled", "numberAvailable"})
    out.push_back(number(o, {"status", field}));
  out.push_back(selector_text(find_path(o, {"spec", "template", "spec", "nodeSelector"})));
  out.push_back(age(o, now));
  add_containers(out, find_path(o, {"spec", "template", "spec"}),
                 selector_text(find_path(o, {"spec", "selector", "matchLabels"})));
  return out;
}

bool holds(const Json& o, const char* type) {
  const Json& conditions = list_at(o, {"status", "conditions"});
  return std::ranges::any_of(conditions, [&](const Json& condition) {
    return string_at(condition, {"type"}) == type && string_at(condition, {"status"}) == "True";
  });
}

std::string job_status(const Json& o) {
  for (const char* end : {"Complete", "Failed"})
    if (holds(o, end)) return end;
  if (find_path(o, {"metadata", "deletionTimestamp"}) != nullptr) return "Terminating";
  for (const char* state : {"Suspended", "FailureTarget", "SuccessCriteriaMet"})
    if (holds(o, state)) return state;
  return "Running";
}

std::string job_duration(const Json& o, WallTime now) {
  const std::string start = string_at(o, {"status", "startTime"});
  if (start.empty()) return "";
  return human_age(start, parse_rfc3339(string_at(o, {"status", "completionTime"})).value_or(now));
}

Json job_cells(const Json& o, WallTime now) {
  const int64_t done = number(o, {"status", "succeeded"});
  const int64_t parallel = number(o, {"spec", "parallelism"});
  std::string completions = fmt::format("{}/{}", done, number(o, {"spec", "completions"}));
  if (find_path(o, {"spec", "completions"}) == nullptr)
    completions = parallel > 1 ? fmt::format("{}/1 of {}", done, parallel) : fmt::format("{}/1", done);
  Json out = Json::array({name_of(o), job_status(o), completions, job_duration(o, now), age(o, now)});
  add_containers(out, find_path(o, {"spec", "template", "spec"}),
                 selector_text(find_path(o, {"spec", "selector", "matchLabels"})));
  return out;
}

Json cron_cells(const Json& o, WallTime now) {
  const std::string last = string_at(o, {"status", "lastScheduleTime"});
  Json out =
      Json::array({name_of(o), string_at(o, {"spec", "schedule"}), text_or(o, {"spec", "timeZone"}, "<none>"),
                   go_bool(o, {"spec", "suspend"}), list_at(o, {"status", "active"}).size(),
                   last.empty() ? "<none>" : human_age(last, now), age(o, now)});
  add_containers(out, find_path(o, {"spec", "jobTemplate", "spec", "template", "spec"}),
                 selector_text(find_path(o, {"spec", "jobTemplate", "spec", "selector", "matchLabels"})));
  return out;
}

Json ingress_cells(const Json& o, WallTime now) {
  std::vector<std::string> hosts;
  for (const Json& rule : list_at(o, {"spec", "rules"})) {
    if (const std::string host = string_at(rule, {"host"}); !host.empty()) hosts.push_back(host);
  }
  std::string addresses;
  for (const Json& at : list_at(o, {"status", "loadBalancer", "ingress"}))
    addresses += (addresses.empty() ? "" : ",") + text_or(at, {"ip"}, string_at(at, {"hostname"}));
  return Json::array({name_of(o), text_or(o, {"spec", "ingressClassName"}, "<none>"), few(hosts, "*"),
                      addresses, list_at(o, {"spec", "tls"}).empty() ? "80" : "80, 443", age(o, now)});
}

Json class_cells(const Json& o, WallTime now) {
  return Json::array({name_of(o), string_at(o, {"provisioner"}), text_or(o, {"reclaimPolicy"}, "Delete"),
                      text_or(o, {"volumeBindingMode"}, "Immediate"),
                      text_or(o, {"allowVolumeExpansion"}, "false"), age(o, now)});
}

Json binding_cells(const Json& o, WallTime now) {
  std::string users, groups, accounts;
  for (const Json& subject : list_at(o, {"subjects"})) {
    const std::string kind = string_at(subject, {"kind"});
    std::string& out = kind == "User" ? users : kind == "Group" ? groups : accounts;
    out += (out.empty() ? "" : ", ") +
           (kind == "ServiceAccount" ? string_at(subject, {"namespace"}) + "/" : "") +
           string_at(subject, {"name"});
  }
  return Json::array({name_of(o), string_at(o, {"roleRef", "kind"}) + "/" + string_at(o, {"roleRef", "name"}),
                      age(o, now), users, groups, accounts});
}

Json definition_cells(const Json& o, WallTime) {
  std::string versions;
  for (const Json& version : list_at(o, {"spec", "versions"})) {
    if (!version.value("served", false)) continue;
    versions += (versions.empty() ? "" : ",") + string_at(version, {"name"}) +
                (version.value("storage", false) ? "(storage)" : "");
  }
  return Json::array({name_of(o), string_at(o, {"spec", "scope"}), versions,
                      string_at(o, {"metadata", "creationTimestamp"}), string_at(o, {"spec", "group"}),
                      string_at(o, {"spec", "names", "kind"}),
                      joined(&list_at(o, {"spec", "names", "shortNames"}), ""), holds(o, "Established")});
}

/// One metric of an autoscaler: what is against what is wanted.
std::string target_text(const Json& spec, const Json& current) {
  std::string type = string_at(spec, {"type"});
  if (!type.empty()) type[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(type[0])));
  const Json* metric = find(spec, type);
  if (metric == nullptr) return "<unknown type>";
  const Json* now = find_path(current, {type, "current"});
  const bool percent = string_at(*metric, {"target", "type"}) == "Utilization";
  const char* field = percent                                             ? "averageUtilization"
                      : string_at(*metric, {"target", "type"}) == "Value" ? "value"
                                                                          : "averageValue";
  const std::string is = now == nullptr ? "<unknown>" : text_or(*now, {field}, "<unknown>");
  const std::string unit = percent ? "%" : "";
  return fmt::format("{}{}{}/{}{}", type == "resource" ? string_at(*metric, {"name"}) + ": " : "", is,
                     is == "<unknown>" ? "" : unit, text_or(*metric, {"target", field}, "<auto>"), unit);
}

Json autoscaler_cells(const Json& o, WallTime now) {
  constexpr size_t kShown = 2;
  const Json& metrics = list_at(o, {"spec", "metrics"});
  const Json& current = list_at(o, {"status", "currentMetrics"});
  std::string targets;
  for (size_t i = 0; i < std::min(kShown, metrics.size()); ++i)
    targets += (i == 0 ? "" : ", ") + target_text(metrics[i], i < current.size() ? current[i] : Json());
  if (metrics.size() > kShown) targets += fmt::format(" + {} more...", metrics.size() - kShown);
  return Json::array({name_of(o),
                      string_at(o, {"spec", "scaleTargetRef", "kind"}) + "/" +
                          string_at(o, {"spec", "scaleTargetRef", "name"}),
                      targets.empty() ? "<none>" : targets, text_or(o, {"spec", "minReplicas"}, "<unset>"),
                      number(o, {"spec", "maxReplicas"}), number(o, {"status", "currentReplicas"}),
                      age(o, now)});
}

Json csi_cells(const Json& o, WallTime now) {
  return Json::array({name_of(o), list_at(o, {"spec", "drivers"}).size(), age(o, now)});
}

}  // namespace

std::map<std::string, Printer> further_printers() {
  const PrinterColumn role{"Role"};
  const std::vector<PrinterColumn> binding = {
      kName, role, kAge, {"Users", "string", 1}, {"Groups", "string", 1}, {"ServiceAccounts", "string", 1}};
  const auto counts = [](std::initializer_list<const char*> names) {
    std::vector<PrinterColumn> out = {kName};
    for (const char* name : names)
      out.push_back({name, "integer"});
    return out;
  };
  auto replicas = counts({"Desired", "Current", "Ready"});
  auto daemons = counts({"Desired", "Current", "Ready", "Up-to-date", "Available"});
  replicas.push_back(kAge);
  daemons.insert(daemons.end(), {{"Node Selector"}, kAge});
  return {
      {"Endpoints", {{kName, {"Endpoints"}, kAge}, endpoints_cells}},
      {"EndpointSlice.discovery.k8s.io",
       {{kName, {"AddressType"}, {"Ports"}, {"Endpoints"}, kAge}, slice_cells}},
      {"ResourceQuota", {{kName, {"Request"}, {"Limit"}, kAge}, quota_cells}},
      {"ReplicationController", {with_containers(replicas), controller_cells}},
      {"DaemonSet.apps", {with_containers(daemons), daemons_cells}},
      {"Job.batch", {with_containers({kName, {"Status"}, {"Completions"}, {"Duration"}, kAge}), job_cells}},
      {"CronJob.batch",
       {with_containers({kName,
                         {"Schedule"},
                         {"Timezone"},
                         {"Suspend", "boolean"},
                         {"Active", "integer"},
                         {"Last Schedule"},
                         kAge}),
        cron_cells}},
      {"Ingress.networking.k8s.io",
       {{kName, {"Class"}, {"Hosts"}, {"Address"}, {"Ports"}, kAge}, ingress_cells}},
      {"StorageClass.storage.k8s.io",
       {{kName, {"Provisioner"}, {"ReclaimPolicy"}, {"VolumeBindingMode"}, {"AllowVolumeExpansion"}, kAge},
        class_cells}},
      {"CSINode.storage.k8s.io", {{kName, {"Drivers", "integer"}, kAge}, csi_cells}},
      {"HorizontalPodAutoscaler.autoscaling",
       {{kName, {"Reference"}, {"Targets"}, {"MinPods"}, {"MaxPods"}, {"Replicas"}, kAge}, autoscaler_cells}},
      {"ClusterRoleBinding.rbac.authorization.k8s.io", {binding, binding_cells}},
      {"RoleBinding.rbac.authorization.k8s.io", {binding, binding_cells}},
      {"CustomResourceDefinition.apiextensions.k8s.io",
       {{kName,
         {"Scope"},
         {"Versions"},
         {"Created At", "date"},
         {"Group", "string", 1},
         {"Kind", "string", 1},
         {"ShortNames", "string", 1},
         {"Established", "boolean", 1}},
        definition_cells}},
  };
}

}  // namespace stowage::sandbox
