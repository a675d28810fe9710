#include "sandbox/apiserver/builtin/builtin.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/coerce.h"

namespace stowage::sandbox {
namespace {

void default_template(Json& spec) {
  if (!spec.contains("template") || !spec["template"].is_object()) return;
  object_member(spec["template"], "metadata");
  default_pod_spec(object_member(spec["template"], "spec"));
}

/// Defaults, and the selector that the server makes for a new job's pods.
void prepare_job(Json& job, Json& spec, bool fresh) {
  if (!spec.contains("completions") && !spec.contains("parallelism")) spec["completions"] = 1;
  default_member(spec, "parallelism", 1);
  default_member(spec, "backoffLimit", 6);
  default_member(spec, "completionMode", "NonIndexed");
  default_member(spec, "suspend", false);
  default_member(spec, "podReplacementPolicy", "TerminatingOrFailed");
  default_member(spec, "manualSelector", false);
  if (!fresh || spec["manualSelector"] == true) return;
  const Json uid = job["metadata"]["uid"];
  const Json name = job["metadata"]["name"];
  Json& labels = object_member(object_member(object_member(spec, "template"), "metadata"), "labels");
  for (const std::string prefix : {"", "batch.kubernetes.io/"}) {
    labels[prefix + "controller-uid"] = uid;
    labels[prefix + "job-name"] = name;
  }
  spec["selector"] = {{"matchLabels", {{"batch.kubernetes.io/controller-uid", uid}}}};
  Json& own = object_member(job["metadata"], "labels");
  if (own.empty()) own = labels;
}

void prepare_cron_job(Json& object) {
  Json& spec = object_member(object, "spec");
  default_member(spec, "concurrencyPolicy", "Allow");
  default_member(spec, "suspend", false);
  default_member(spec, "successfulJobsHistoryLimit", 3);
  default_member(spec, "failedJobsHistoryLimit", 1);
  Json& job = object_member(spec, "jobTemplate");
  object_member(job, "metadata");
  default_template(object_member(job, "spec"));
}

void prepare_workload(const std::string& kind, Json& object, const Json* old) {
  Json& spec = object_member(object, "spec");
  default_template(spec);
  if (kind != "DaemonSet" && kind != "Job") default_member(spec, "replicas", 1);
  if (kind != "Job" && kind != "ReplicaSet" && kind != "ReplicationController")
    default_member(spec, "revisionHistoryLimit", 10);
  if (kind == "Deployment") {
    default_member(spec, "progressDeadlineSeconds", 600);
    default_member(object_member(spec, "strategy"), "type", "RollingUpdate");
    if (string_at(spec, {"strategy", "type"}) == "RollingUpdate") {
      Json& rolling = object_member(spec["strategy"], "rollingUpdate");
      default_member(rolling, "maxSurge", "25%");
      default_member(rolling, "maxUnavailable", "25%");
    }
  }
  if (kind == "StatefulSet") {
    default_member(spec, "podManagementPolicy", "OrderedReady");
    default_member(object_member(spec, "updateStrategy"), "type", "RollingUpdate");
    if (string_at(spec, {"updateStrategy", "type"}) == "RollingUpdate")
      default_member(object_member(spec["updateStrategy"], "rollingUpdate"), "partition", 0);
    Json& retention = object_member(spec, "persistentVolumeClaimRetentionPolicy");
    default_member(retention, "whenDeleted", "Retain");
    default_member(retention, "whenScaled", "Retain");
  }
  if (kind == "DaemonSet") {
    default_member(object_member(spec, "updateStrategy"), "type", "RollingUpdate");
    Json& rolling = object_member(spec["updateStrategy"], "rollingUpdate");
    default_member(rolling, "maxSurge", 0);
    default_member(rolling, "maxUnavailable", 1);
  }
  if (kind == "Job") {
    prepare_job(object, spec, old == nullptr);
  }
  if (old != nullptr) return;
  object["status"] = Json::object();
  if (kind == "ReplicaSet" || kind == "ReplicationController") object["status"]["replicas"] = 0;
  if (kind == "StatefulSet") object["status"] = {{"replicas", 0}, {"availableReplicas", 0}};
  if (kind == "DaemonSet") {
    object["status"] = {{"currentNumberScheduled", 0},
                        {"numberMisscheduled", 0},
                        {"desiredNumberScheduled", 0},
                        {"numberReady", 0}};
  }
}

void prepare_namespace(Json& object, const Json* old) {
  object_member(object["metadata"], "labels")["kubernetes.io/metadata.name"] =
      string_at(object, {"metadata", "name"});
  if (old == nullptr) {
    object_member(object, "spec")["finalizers"] = Json::array({"kubernetes"});
    object["status"] = {{"phase", "Active"}};
  } else {
    object["spec"] = old->value("spec", Json::object());
  }
}

void prepare_secret(Json& object) {
  default_member(object, "type", "Opaque");
  if (!object.contains("stringData")) return;
  Json& data = object_member(object, "data");
  for (const auto& [key, value] : object["stringData"].items())
    data[key] = base64_encode(value.get<std::string>());
  object.erase("stringData");
}

void prepare_claim(Json& object, const Json* old) {
  default_member(object_member(object, "spec"), "volumeMode", "Filesystem");
  if (old == nullptr) object["status"] = {{"phase", "Pending"}};
}

void prepare_volume(Json& object, const Json* old) {
  Json& spec = object_member(object, "spec");
  default_member(spec, "volumeMode", "Filesystem");
  default_member(spec, "persistentVolumeReclaimPolicy", "Retain");
  if (old == nullptr) object["status"] = {{"phase", "Pending"}};
}

/// Ports of Endpoints and EndpointSlices.
void default_ports(Json& object, bool slice) {
  if (!object.contains("ports") || !object["ports"].is_array()) return;
  for (Json& port : object["ports"]) {
    if (!port.is_object()) continue;
    default_member(port, "protocol", "TCP");
    if (slice) default_member(port, "name", "");
  }
}

void prepare_endpoints(Json& object) {
  if (!object.contains("subsets") || !object["subsets"].is_array()) return;
  for (Json& subset : object["subsets"])
    if (subset.is_object()) default_ports(subset, false);
}

void prepare_autoscaler(Json& object, const Json* old) {
  Json& spec = object_member(object, "spec");
  default_member(spec, "minReplicas", 1);
  if (!spec.contains("metrics") || spec["metrics"].empty()) {
    const Json target = {{"type", "Utilization"}, {"averageUtilization", 80}};
    spec["metrics"] = {{{"type", "Resource"}, {"resource", {{"name", "cpu"}, {"target", target}}}}};
  }
  if (old == nullptr) object["status"] = {{"currentMetrics", nullptr}, {"desiredReplicas", 0}};
}

void required(const Json& object, std::initializer_list<std::string_view> path, const char* field,
              std::vector<Cause>& causes) {
  if (find_path(object, path) == nullptr) causes.push_back({"FieldValueRequired", "Required value", field});
}

void immutable(const Json& now, const Json* old, const char* key, std::vector<Cause>& causes) {
  if (old == nullptr) return;
  const Json* a = find(now, key);
  const Json* b = find(*old, key);
  if ((a == nullptr) != (b == nullptr) || (a != nullptr && *a != *b)) {
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: {}: field is immutable", a == nullptr ? "null" : dump(*a)),
                      key});
  }
}

void validate_budget(const Json& object, std::vector<Cause>& causes) {
  if (find_path(object, {"spec", "minAvailable"}) != nullptr &&
      find_path(object, {"spec", "maxUnavailable"}) != nullptr) {
    causes.push_back(
        {"FieldValueInvalid", "Invalid value: minAvailable and maxUnavailable cannot be both set", "spec"});
  }
  for (const char* key : {"minAvailable", "maxUnavailable"}) {
    const Json* value = find_path(object, {"spec", key});
    if (value != nullptr && value->is_number_integer() && value->get<int64_t>() < 0) {
      causes.push_back({"FieldValueInvalid",
                        fmt::format("Invalid value: {}: must be greater than or equal to 0", dump(*value)),
                        fmt::format("spec.{}", key)});
    }
  }
}

void validate_lease(const Json& object, std::vector<Cause>& causes) {
  for (const char* key : {"leaseDurationSeconds", "leaseTransitions"}) {
    const Json* value = find_path(object, {"spec", key});
    if (value == nullptr || !value->is_number_integer()) continue;
    const bool duration = std::string_view(key) == "leaseDurationSeconds";
    if (value->get<int64_t>() < (duration ? 1 : 0)) {
      causes.push_back({"FieldValueInvalid",
                        fmt::format("Invalid value: {}: must be greater than {}0", dump(*value),
                                    duration ? "" : "or equal to "),
                        fmt::format("spec.{}", key)});
    }
  }
}

void validate_frozen(const Json& object, const Json* old, std::vector<Cause>& causes) {
  if (old == nullptr || old->value("immutable", false) == false) return;
  for (const char* key : {"data", "binaryData", "immutable"}) {
    const Json* a = find(object, key);
    const Json* b = find(*old, key);
    if ((a == nullptr) != (b == nullptr) || (a != nullptr && *a != *b)) {
      causes.push_back({"FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set", key});
    }
  }
}

/// The names of a ConfigMap's or Secret's data are names of files.
void validate_keys(const Json& object, std::vector<Cause>& causes) {
  const auto good = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  for (const char* part : {"data", "binaryData"}) {
    const Json* data = find(object, part);
    if (data == nullptr || !data->is_object()) continue;
    for (const auto& [key, value] : data->items()) {
      std::string why;
      if (key.size() > 253) {
        why = "must be no more than 253 characters";
      } else if (key.empty() || !std::all_of(key.begin(), key.end(), good)) {
        why =
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  "
            "or "
            "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
      } else if (key == "." || key == "..") {
        why = fmt::format("may not be '{}'", key);
      } else if (key.starts_with("..")) {
        why = "may not start with '..'";
      }
      if (!why.empty())
        causes.push_back({"FieldValueInvalid", fmt::format("Invalid value: {}: {}", dump(Json(key)), why),
                          fmt::format("{}[{}]", part, key)});
    }
  }
}

/// All of a ConfigMap's or Secret's data together.
void validate_size(const Json& object, const char* field, std::vector<Cause>& causes) {
  constexpr size_t kMost = size_t{1} << 20;
  size_t bytes = 0;
  for (const char* part : {"data", "binaryData"}) {
    const Json* data = find(object, part);
    if (data == nullptr || !data->is_object()) continue;
    const bool encoded = part != std::string_view("data") || string_at(object, {"kind"}) == "Secret";
    for (const Json& value : *data) {
      const size_t size = value.is_string() ? value.get_ref<const std::string&>().size() : 0;
      bytes += encoded ? size / 4 * 3 : size;
    }
  }
  if (bytes > kMost)
    causes.push_back(
        {"FieldValueTooLong", fmt::format("Too long: may not be more than {} bytes", kMost), field});
}

void validate_template(const Json& object, std::vector<Cause>& causes) {
  const Json* replicas = find_path(object, {"spec", "replicas"});
  if (replicas != nullptr && replicas->is_number_integer() && replicas->get<int64_t>() < 0) {
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: {}: must be greater than or equal to 0", dump(*replicas)),
                      "spec.replicas"});
  }
  required(object, {"spec", "selector"}, "spec.selector", causes);
  const Json* selector = find_path(object, {"spec", "selector"});
  const Json* labels = find_path(object, {"spec", "template", "metadata", "labels"});
  const Json* wanted = selector == nullptr ? nullptr : find(*selector, "matchLabels");
  if (selector == nullptr) {  // which matches nothing
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: {}: `selector` does not match template `labels`",
                                  labels == nullptr ? "null" : dump(*labels)),
                      "spec.template.metadata.labels"});
  }
  for (auto it = wanted == nullptr ? Json::const_iterator() : wanted->begin();
       wanted != nullptr && it != wanted->end(); ++it) {
    if (labels == nullptr || !labels->contains(it.key()) || labels->at(it.key()) != *it) {
      causes.push_back({"FieldValueInvalid",
                        fmt::format("Invalid value: {}: `selector` does not match template `labels`",
                                    labels == nullptr ? "null" : dump(*labels)),
                        "spec.template.metadata.labels"});
      break;
    }
  }
  if (const Json* spec = find_path(object, {"spec", "template", "spec"})) {
    validate_pod_spec(*spec, "spec.template.spec", causes);
  } else {
    required(object, {"spec", "template", "spec"}, "spec.template.spec.containers", causes);
  }
}

/// What an update of a workload may not change.
void validate_kept(const std::string& kind, const Json& object, const Json* old, std::vector<Cause>& causes) {
  if (kind == "Deployment" && string_at(object, {"spec", "strategy", "type"}) == "Recreate" &&
      find_path(object, {"spec", "strategy", "rollingUpdate"}) != nullptr) {
    causes.push_back({"FieldValueForbidden",
                      "Forbidden: may not be specified when strategy `type` is 'Recreate'",
                      "spec.strategy.rollingUpdate"});
  }
  if (old == nullptr) return;
  static const Json none = Json::object();
  const Json* spec = find(object, "spec");
  const Json* before = find(*old, "spec");
  if (spec == nullptr) spec = &none;
  if (before == nullptr) before = &none;
  if (kind == "Deployment" || kind == "ReplicaSet" || kind == "DaemonSet") {
    std::vector<Cause> found;
    immutable(*spec, before, "selector", found);
    for (Cause& cause : found) {
      cause.field = "spec." + cause.field;
      causes.push_back(std::move(cause));
    }
  }
  if (kind != "StatefulSet") return;
  Json now = *spec;
  Json was = *before;
  for (const char* key : {"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
                          "persistentVolumeClaimRetentionPolicy", "minReadySeconds"}) {
    now.erase(key);
    was.erase(key);
  }
  if (now != was)
    causes.push_back({"FieldValueForbidden",
                      "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', "
                      "'template', 'updateStrategy', 'revisionHistoryLimit', "
                      "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
                      "spec"});
}

bool is_workload(const std::string& kind) {
  return kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet" || kind == "ReplicaSet" ||
         kind == "ReplicationController" || kind == "Job";
}

}  // namespace

void prepare_builtin(const Core& core, const Resource& resource, Json& object, const Json* old, WallTime) {
  const std::string& kind = resource.kind;
  if (kind == "Pod") return prepare_pod(core, object, old);
  if (kind == "Event" && resource.group.empty()) {
    default_member(object, "eventTime", nullptr);  // never left out
    default_member(object, "reportingComponent", "");
    default_member(object, "reportingInstance", "");
  }
  if (kind == "Service") return prepare_service(core, object, old);
  if (kind == "Namespace") return prepare_namespace(object, old);
  if (kind == "Secret") return prepare_secret(object);
  if (kind == "PersistentVolumeClaim") return prepare_claim(object, old);
  if (kind == "PersistentVolume") return prepare_volume(object, old);
  if (kind == "Endpoints") return prepare_endpoints(object);
  if (kind == "EndpointSlice") return default_ports(object, true);
  if (kind == "CronJob") return prepare_cron_job(object);
  if (kind == "HorizontalPodAutoscaler") return prepare_autoscaler(object, old);
  if (kind == "PriorityClass") return default_member(object, "preemptionPolicy", "PreemptLowerPriority");
  if (kind == "StorageClass") {
    default_member(object, "reclaimPolicy", "Delete");
    default_member(object, "volumeBindingMode", "Immediate");
  }
  if (kind == "PodDisruptionBudget" && old == nullptr) {
    object["status"] = {
        {"currentHealthy", 0}, {"desiredHealthy", 0}, {"disruptionsAllowed", 0}, {"expectedPods", 0}};
  }
  if (kind == "Node" && object.contains("status") && object["status"].is_object() &&
      object["status"].contains("capacity")) {
    default_member(object["status"], "allocatable", object["status"]["capacity"]);
  }
  if (is_workload(kind)) prepare_workload(kind, object, old);
}

void validate_builtin(const Core& core, const Resource& resource, const Json& object, const Json* old,
                      std::vector<Cause>& causes) {
  const std::string& kind = resource.kind;
  if (kind == "Pod") return validate_pod(core, object, old, causes);
  if (kind == "Service") return validate_service(object, old, causes);
  if (kind == "PodDisruptionBudget") return validate_budget(object, causes);
  if (kind == "Lease") return validate_lease(object, causes);
  if (kind == "ConfigMap" || kind == "Secret") {
    validate_keys(object, causes);
    validate_size(object, kind == "Secret" ? "data" : "[]", causes);
    validate_frozen(object, old, causes);
  }
  if (kind == "Secret") immutable(object, old, "type", causes);
  if (kind == "PriorityClass") {
    immutable(object, old, "value", causes);
    immutable(object, old, "preemptionPolicy", causes);
  }
  if (kind == "ControllerRevision") {
    required(object, {"revision"}, "revision", causes);
  }
  if (kind == "RoleBinding" || kind == "ClusterRoleBinding") immutable(object, old, "roleRef", causes);
  if (kind == "Event" &&
      string_at(object, {"involvedObject", "namespace"}) != string_at(object, {"metadata", "namespace"}) &&
      !string_at(object, {"involvedObject", "namespace"}).empty()) {
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: \"{}\": does not match event.namespace",
                                  string_at(object, {"involvedObject", "namespace"})),
                      "involvedObject.namespace"});
  }
  if (is_workload(kind) && kind != "Job" && kind != "ReplicationController") {
    validate_template(object, causes);
    validate_kept(kind, object, old, causes);
  }
}

}  // namespace stowage::sandbox
