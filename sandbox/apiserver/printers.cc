#include "sandbox/apiserver/printers.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/output.h"
#include "sandbox/apiserver/print_text.h"

namespace stowage::sandbox {
namespace {

Json service_cells(const Json& o, WallTime now) {
  std::string ports;
  if (const Json* list = find_path(o, {"spec", "ports"}); list != nullptr && list->is_array()) {
    for (const Json& port : *list) {
      const int64_t node = number(port, {"nodePort"});
      ports += fmt::format("{}{}{}/{}", ports.empty() ? "" : ",", number(port, {"port"}),
                           node > 0 ? fmt::format(":{}", node) : "", text_or(port, {"protocol"}, "TCP"));
    }
  }
  return Json::array({name_of(o), text_or(o, {"spec", "type"}, "ClusterIP"),
                      text_or(o, {"spec", "clusterIP"}, "<none>"), "<none>", ports.empty() ? "<none>" : ports,
                      age(o, now), selector_text(find_path(o, {"spec", "selector"}))});
}

Json event_cells(const Json& o, WallTime now, const char* object_key, const char* note_key) {
  std::string last = string_at(o, {object_key[0] == 'r' ? "deprecatedLastTimestamp" : "lastTimestamp"});
  if (last.empty()) last = string_at(o, {"eventTime"});
  const Json* object = find(o, object_key);
  const std::string target = object == nullptr ? "" : string_at(*object, {"kind"});
  std::string lower = target;
  for (char& c : lower)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::string first = string_at(o, {object_key[0] == 'r' ? "deprecatedFirstTimestamp" : "firstTimestamp"});
  if (first.empty()) first = string_at(o, {"eventTime"});
  const std::string component =
      text_or(o, {"source", "component"},
              string_at(o, {object_key[0] == 'r' ? "reportingController" : "reportingComponent"}));
  int64_t times = number(o, {object_key[0] == 'r' ? "deprecatedCount" : "count"});
  if (times == 0) times = std::max<int64_t>(1, number(o, {"series", "count"}));
  return Json::array({human_age(last, now), string_at(o, {"type"}), string_at(o, {"reason"}),
                      lower + "/" + (object == nullptr ? "" : string_at(*object, {"name"})),
                      object == nullptr ? "" : string_at(*object, {"fieldPath"}), component,
                      string_at(o, {note_key}), human_age(first, now), times, name_of(o)});
}

Json deployment_cells(const Json& o, WallTime now) {
  const Json* containers = find_path(o, {"spec", "template", "spec", "containers"});
  return Json::array(
      {name_of(o),
       fmt::format("{}/{}", number(o, {"status", "readyReplicas"}), number(o, {"spec", "replicas"})),
       number(o, {"status", "updatedReplicas"}), number(o, {"status", "availableReplicas"}), age(o, now),
       joined(containers, "name"), joined(containers, "image"),
       selector_text(find_path(o, {"spec", "selector", "matchLabels"}))});
}

const std::vector<PrinterColumn> kEventColumns = {{"Last Seen"},
                                                  {"Type"},
                                                  {"Reason"},
                                                  {"Object"},
                                                  {"Subobject", "string", 1},
                                                  {"Source", "string", 1},
                                                  {"Message"},
                                                  {"First Seen", "string", 1},
                                                  {"Count", "string", 1},
                                                  {"Name", "string", 1}};

std::map<std::string, Printer> core_printers() {
  return {
      {"Pod",
       {{{"Name"},
         {"Ready"},
         {"Status"},
         {"Restarts"},
         {"Age"},
         {"IP", "string", 1},
         {"Node", "string", 1},
         {"Nominated Node", "string", 1},
         {"Readiness Gates", "string", 1}},
        pod_cells}},
      {"Node",
       {{{"Name"},
         {"Status"},
         {"Roles"},
         {"Age"},
         {"Version"},
         {"Internal-IP", "string", 1},
         {"External-IP", "string", 1},
         {"OS-Image", "string", 1},
         {"Kernel-Version", "string", 1},
         {"Container-Runtime", "string", 1}},
        node_cells}},
      {"Service",
       {{{"Name"},
         {"Type"},
         {"Cluster-IP"},
         {"External-IP"},
         {"Port(s)"},
         {"Age"},
         {"Selector", "string", 1}},
        service_cells}},
      {"Namespace",
       {{{"Name"}, {"Status"}, {"Age"}},
        [](const Json& o, WallTime now) {
          return Json::array({name_of(o), string_at(o, {"status", "phase"}), age(o, now)});
        }}},
      {"ConfigMap",
       {{{"Name"}, {"Data"}, {"Age"}},
        [](const Json& o, WallTime now) {
          return Json::array({name_of(o), count(o, "data") + count(o, "binaryData"), age(o, now)});
        }}},
      {"Secret",
       {{{"Name"}, {"Type"}, {"Data"}, {"Age"}},
        [](const Json& o, WallTime now) {
          return Json::array({name_of(o), string_at(o, {"type"}), count(o, "data"), age(o, now)});
        }}},
      {"ServiceAccount",
       {{{"Name"}, {"Age"}},
        [](const Json& o, WallTime now) { return Json::array({name_of(o), age(o, now)}); }}},
      {"Event",
       {kEventColumns,
        [](const Json& o, WallTime now) { return event_cells(o, now, "involvedObject", "message"); }}},
      {"Event.events.k8s.io",
       {kEventColumns, [](const Json& o, WallTime now) { return event_cells(o, now, "regarding", "note"); }}},
      {"PersistentVolumeClaim",
       {{{"Name"},
         {"Status"},
         {"Volume"},
         {"Capacity"},
         {"Access Modes"},
         {"StorageClass"},
         {"VolumeAttributesClass"},
         {"Age"},
         {"VolumeMode", "string", 1}},
        [](const Json& o, WallTime now) {
          return Json::array({name_of(o), string_at(o, {"status", "phase"}),
                              string_at(o, {"spec", "volumeName"}),
                              text_or(o, {"status", "capacity", "storage"}, ""),
                              joined(find_path(o, {"status", "accessModes"}), ""),
                              string_at(o, {"spec", "storageClassName"}),
                              text_or(o, {"spec", "volumeAttributesClassName"}, "<unset>"), age(o, now),
                              text_or(o, {"spec", "volumeMode"}, "")});
        }}},
      {"PersistentVolume",
       {{{"Name"},
         {"Capacity"},
         {"Access Modes"},
         {"Reclaim Policy"},
         {"Status"},
         {"Claim"},
         {"StorageClass"},
         {"VolumeAttributesClass"},
         {"Reason"},
         {"Age"},
         {"VolumeMode", "string", 1}},
        [](const Json& o, WallTime now) {
          const std::string claim = string_at(o, {"spec", "claimRef", "name"});
          return Json::array(
              {name_of(o), text_or(o, {"spec", "capacity", "storage"}, ""),
               joined(find_path(o, {"spec", "accessModes"}), ""),
               string_at(o, {"spec", "persistentVolumeReclaimPolicy"}), string_at(o, {"status", "phase"}),
               claim.empty() ? claim : string_at(o, {"spec", "claimRef", "namespace"}) + "/" + claim,
               string_at(o, {"spec", "storageClassName"}),
               text_or(o, {"spec", "volumeAttributesClassName"}, "<unset>"),
               string_at(o, {"status", "reason"}), age(o, now), text_or(o, {"spec", "volumeMode"}, "")});
        }}},
  };
}

std::map<std::string, Printer> other_printers() {
  return {
      {"Scale.autoscaling",
       {{{"Name"}, {"Desired", "integer"}, {"Available", "integer"}, {"Age"}},
        [](const Json& o, WallTime now) {
          return Json::array(
              {name_of(o), number(o, {"spec", "replicas"}), number(o, {"status", "replicas"}), age(o, now)});
        }}},
      {"Lease.coordination.k8s.io",
       {{{"Name"}, {"Holder"}, {"Age"}},
        [](const Json& o, WallTime now) {
          return Json::array({name_of(o), string_at(o, {"spec", "holderIdentity"}), age(o, now)});
        }}},
      {"PodDisruptionBudget.policy",
       {{{"Name"}, {"Min Available"}, {"Max Unavailable"}, {"Allowed Disruptions", "integer"}, {"Age"}},
        [](const Json& o, WallTime now) {
          return Json::array({name_of(o), text_or(o, {"spec", "minAvailable"}, "N/A"),
                              text_or(o, {"spec", "maxUnavailable"}, "N/A"),
                              number(o, {"status", "disruptionsAllowed"}), age(o, now)});
        }}},
      {"PriorityClass.scheduling.k8s.io",
       {{{"Name"}, {"Value", "integer"}, {"Global-Default", "boolean"}, {"Age"}, {"PreemptionPolicy"}},
        [](const Json& o, WallTime now) {
          return Json::array({name_of(o), number(o, {"value"}), o.value("globalDefault", false), age(o, now),
                              string_at(o, {"preemptionPolicy"})});
        }}},
      {"ControllerRevision.apps",
       {{{"Name"}, {"Controller"}, {"Revision"}, {"Age"}},
        [](const Json& o, WallTime now) {
          std::string owner = "<none>";
          if (const Json* list = find_path(o, {"metadata", "ownerReferences"});
              list != nullptr && !list->empty()) {
            std::string kind = string_at((*list)[0], {"kind"});
            for (char& c : kind)
              c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            const std::string version = string_at((*list)[0], {"apiVersion"});
            owner =
                kind +
                (version.find('/') == std::string::npos ? "" : "." + version.substr(0, version.find('/'))) +
                "/" + string_at((*list)[0], {"name"});
          }
          return Json::array({name_of(o), owner, number(o, {"revision"}), age(o, now)});
        }}},
      {"Deployment.apps",
       {{{"Name"},
         {"Ready"},
         {"Up-to-date"},
         {"Available"},
         {"Age"},
         {"Containers", "string", 1},
         {"Images", "string", 1},
         {"Selector", "string", 1}},
        deployment_cells}},
      {"ReplicaSet.apps",
       {{{"Name"},
         {"Desired", "integer"},
         {"Current", "integer"},
         {"Ready", "integer"},
         {"Age"},
         {"Containers", "string", 1},
         {"Images", "string", 1},
         {"Selector", "string", 1}},
        [](const Json& o, WallTime now) {
          const Json* containers = find_path(o, {"spec", "template", "spec", "containers"});
          return Json::array({name_of(o), number(o, {"spec", "replicas"}), number(o, {"status", "replicas"}),
                              number(o, {"status", "readyReplicas"}), age(o, now), joined(containers, "name"),
                              joined(containers, "image"),
                              selector_text(find_path(o, {"spec", "selector", "matchLabels"}))});
        }}},
      {"StatefulSet.apps",
       {{{"Name"}, {"Ready"}, {"Age"}, {"Containers", "string", 1}, {"Images", "string", 1}},
        [](const Json& o, WallTime now) {
          const Json* containers = find_path(o, {"spec", "template", "spec", "containers"});
          return Json::array(
              {name_of(o),
               fmt::format("{}/{}", number(o, {"status", "readyReplicas"}), number(o, {"spec", "replicas"})),
               age(o, now), joined(containers, "name"), joined(containers, "image")});
        }}},
  };
}

}  // namespace

const std::map<std::string, Printer>& builtin_printers() {
  static const std::map<std::string, Printer> printers = [] {
    auto all = core_printers();
    all.merge(other_printers());
    all.merge(further_printers());
    return all;
  }();
  return printers;
}

}  // namespace stowage::sandbox
