#include "api/core/pod.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace stowage;
using api::decode_pod;

namespace {

const char* const kFull = R"({
 "apiVersion": "v1", "kind": "Pod",
 "metadata": {"name": "m-0-1-0", "namespace": "team", "uid": "u1", "resourceVersion": "18446744073709551616",
   "generation": 3, "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "2026-01-02T03:05:05Z",
   "labels": {"a": "b", "q\u0041": "x"}, "annotations": {"stowage.dev/group": "g"},
   "ownerReferences": [{"apiVersion": "stowage.dev/v1alpha1", "kind": "ModelDeployment", "name": "m", "uid": "o1",
     "controller": true, "blockOwnerDeletion": true}], "finalizers": ["f"], "managedFields": [{"x": [1, {"y": 2}]}]},
 "spec": {"nodeName": "n1", "schedulerName": "stowage", "priorityClassName": "high", "priority": -5,
   "preemptionPolicy": "Never", "restartPolicy": "Always", "hostNetwork": true,
   "nodeSelector": {"disk": "ssd"},
   "affinity": {
     "nodeAffinity": {
       "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
         {"matchExpressions": [{"key": "z", "operator": "In", "values": ["a", "b"]}],
          "matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["n9"]}]}]},
       "preferredDuringSchedulingIgnoredDuringExecution": [
         {"weight": 7, "preference": {"matchExpressions": [{"key": "y", "operator": "Exists"}]}}]},
     "podAffinity": {
       "requiredDuringSchedulingIgnoredDuringExecution": [
         {"labelSelector": {}, "topologyKey": "rack", "namespaces": ["n"], "namespaceSelector": {},
          "matchLabelKeys": ["k"], "mismatchLabelKeys": ["l"]}],
       "preferredDuringSchedulingIgnoredDuringExecution": [
         {"weight": 9, "podAffinityTerm": {"topologyKey": "zone"}}]},
     "podAntiAffinity": {
       "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "host",
         "labelSelector": {"matchLabels": {"app": "x"}}}],
       "preferredDuringSchedulingIgnoredDuringExecution": [
         {"weight": 2, "podAffinityTerm": {"topologyKey": "block"}}]}},
   "tolerations": [{"key": "t", "operator": "Equal", "value": "v", "effect": "NoExecute", "tolerationSeconds": 300},
                   {"operator": "Exists"}],
   "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
     "labelSelector": {"matchLabels": {"a": "b"}}, "minDomains": 3, "nodeAffinityPolicy": "Ignore",
     "nodeTaintsPolicy": "Honor", "matchLabelKeys": ["pod-template-hash"]}],
   "containers": [{"name": "c", "image": "i", "env": [{"name": "E"}],
     "ports": [{"containerPort": 80, "hostPort": 8080, "hostIP": "127.0.0.1", "protocol": "UDP"}],
     "resources": {"requests": {"cpu": "1500m", "memory": "1Gi", "nvidia.com/gpu": "8"},
                   "limits": {"nvidia.com/gpu": 8}}}],
   "initContainers": [{"name": "side", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
                      {"name": "once"}],
   "resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "3Gi"}},
   "overhead": {"cpu": "10m"},
   "schedulingGates": [{"name": "wait"}], "resourceClaims": [{"name": "gpu", "resourceClaimName": "rc"}],
   "schedulingGroup": {"podGroupName": "pg"},
   "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "pvc1"}},
               {"name": "tmp", "emptyDir": {}},
               {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]},
 "status": {"phase": "Running", "reason": "r", "message": "m", "nominatedNodeName": "n2",
   "conditions": [{"type": "Ready", "status": "True", "reason": "ok", "message": "fine", "observedGeneration": 2,
     "lastTransitionTime": "2026-01-02T03:04:05Z", "lastProbeTime": null}],
   "containerStatuses": [{"name": "c", "ready": true, "restartCount": 4,
     "state": {"waiting": {"reason": "CrashLoopBackOff"}, "terminated": null}}],
   "initContainerStatuses": [{"name": "once", "state": {"terminated": {"reason": "Error", "exitCode": 2}}}]}
})";

}  // namespace

TEST_CASE("pod with every field: metadata is read") {
  const auto pod = decode_pod(kFull);
  REQUIRE(pod.has_value());
  CHECK(pod->meta.key() == "team/m-0-1-0");
  CHECK(pod->meta.uid == "u1");
  CHECK(pod->meta.resource_version == "18446744073709551616");
  CHECK(pod->meta.generation == 3);
  CHECK(format_rfc3339(pod->meta.created) == "2026-01-02T03:04:05Z");
  CHECK(pod->terminating());
  CHECK(pod->meta.labels == api::StringMap{{"a", "b"}, {"qA", "x"}});
  CHECK(pod->meta.annotation("stowage.dev/group") == "g");
  REQUIRE(pod->meta.controller() != nullptr);
  CHECK(pod->meta.controller()->uid == "o1");
  CHECK(pod->meta.finalizers == std::vector<std::string>{"f"});
}

TEST_CASE("pod with every field: the spec is read") {
  const auto pod = decode_pod(kFull);
  REQUIRE(pod.has_value());
  const api::PodSpec& spec = pod->spec;
  CHECK(spec.node_name == "n1");
  CHECK(spec.scheduler_name == "stowage");
  CHECK(spec.priority_class == "high");
  CHECK(spec.priority == -5);
  CHECK(spec.preemption_policy == "Never");
  CHECK(spec.restart_policy == "Always");
  CHECK(spec.host_network);
  CHECK(spec.node_selector == api::StringMap{{"disk", "ssd"}});
  REQUIRE(spec.tolerations.size() == 2);
  CHECK(spec.tolerations[0] == api::Toleration{"t", "Equal", "v", "NoExecute", 300});
  CHECK(spec.tolerations[1] == api::Toleration{"", "Exists", "", "", std::nullopt});
  REQUIRE(spec.containers.size() == 1);
  CHECK(spec.containers[0].requests ==
        api::ResourceList{{"cpu", 1500}, {"memory", 1 << 30}, {"nvidia.com/gpu", 8}});
  CHECK(spec.containers[0].limits == api::ResourceList{{"nvidia.com/gpu", 8}});
  CHECK(spec.containers[0].ports == std::vector<api::ContainerPort>{{8080, "127.0.0.1", "UDP"}});
  REQUIRE(spec.init_containers.size() == 2);
  CHECK(spec.init_containers[0].restart_always);
  CHECK_FALSE(spec.init_containers[1].restart_always);
  CHECK(spec.pod_requests == api::ResourceList{{"memory", int64_t{2} << 30}});
  CHECK(spec.overhead == api::ResourceList{{"cpu", 10}});
  CHECK(spec.scheduling_gates == std::vector<std::string>{"wait"});
  CHECK(spec.resource_claims == std::vector<std::string>{"gpu"});
  CHECK(spec.pod_group == "pg");
}

TEST_CASE("pod with every field: affinity and spread are read") {
  const auto pod = decode_pod(kFull);
  REQUIRE(pod.has_value());
  const api::Affinity& affinity = pod->spec.affinity;
  REQUIRE(affinity.node_required.has_value());
  REQUIRE(affinity.node_required->terms.size() == 1);
  CHECK(affinity.node_required->terms[0].match_expressions ==
        std::vector<api::SelectorRequirement>{{"z", "In", {"a", "b"}}});
  CHECK(affinity.node_required->terms[0].match_fields ==
        std::vector<api::SelectorRequirement>{{"metadata.name", "NotIn", {"n9"}}});
  REQUIRE(affinity.node_preferred.size() == 1);
  CHECK(affinity.node_preferred[0].weight == 7);
  REQUIRE(affinity.pod_required.size() == 1);
  CHECK(affinity.pod_required[0].selector == api::LabelSelector{});
  CHECK(affinity.pod_required[0].namespace_selector == api::LabelSelector{});
  CHECK(affinity.pod_required[0].match_label_keys == std::vector<std::string>{"k"});
  CHECK(affinity.pod_required[0].mismatch_label_keys == std::vector<std::string>{"l"});
  REQUIRE(affinity.pod_preferred.size() == 1);
  CHECK(affinity.pod_preferred[0].term.topology_key == "zone");
  CHECK_FALSE(affinity.pod_preferred[0].term.selector.has_value());
  REQUIRE(affinity.anti_required.size() == 1);
  CHECK(affinity.anti_required[0].selector->match_labels == api::StringMap{{"app", "x"}});
  REQUIRE(affinity.anti_preferred.size() == 1);
  CHECK(affinity.anti_preferred[0].weight == 2);
  REQUIRE(pod->spec.spread.size() == 1);
  const api::TopologySpreadConstraint& spread = pod->spec.spread[0];
  CHECK(spread.max_skew == 2);
  CHECK(spread.min_domains == 3);
  CHECK(spread.when_unsatisfiable == "DoNotSchedule");
  CHECK(spread.node_affinity_policy == "Ignore");
  CHECK(spread.node_taints_policy == "Honor");
  CHECK(spread.match_label_keys == std::vector<std::string>{"pod-template-hash"});
}

TEST_CASE("pod with every field: volumes with claims and the status are read") {
  const auto pod = decode_pod(kFull);
  REQUIRE(pod.has_value());
  CHECK(pod->spec.volumes ==
        std::vector<api::PodVolume>{{"data", "pvc1", false}, {"scratch", "m-0-1-0-scratch", true}});
  CHECK(pod->status.phase == "Running");
  CHECK(pod->status.nominated_node == "n2");
  CHECK(pod->ready());
  REQUIRE(pod->status.containers.size() == 1);
  CHECK(pod->status.containers[0].restart_count == 4);
  CHECK(pod->status.containers[0].waiting_reason == "CrashLoopBackOff");
  REQUIRE(pod->status.init_containers.size() == 1);
  CHECK(pod->status.init_containers[0].exit_code == 2);
  CHECK(pod->status.init_containers[0].terminated_reason == "Error");
}

TEST_CASE("fields in any order: an ephemeral volume's claim still carries the pod's name") {
  const auto pod =
      decode_pod(R"({"spec":{"volumes":[{"ephemeral":{},"name":"v"}]},"metadata":{"name":"p"}})");
  REQUIRE(pod.has_value());
  CHECK(pod->spec.volumes == std::vector<api::PodVolume>{{"v", "p-v", true}});
}

TEST_CASE("null fields: read as absent") {
  const auto pod = decode_pod(
      R"({"metadata":{"name":"p","labels":null,"creationTimestamp":null},"spec":{"affinity":null,"containers":null},
          "status":null})");
  REQUIRE(pod.has_value());
  CHECK(pod->spec == api::PodSpec{});
}

TEST_CASE("wrong type: the error names the path") {
  const auto pod =
      decode_pod(R"({"spec":{"containers":[{"name":"a"},{"resources":{"requests":{"cpu":true}}}]}})");
  REQUIRE_FALSE(pod.has_value());
  CHECK(pod.error().code == Code::kMalformed);
  CHECK_THAT(pod.error().message, Catch::Contains("spec.containers[1].resources.requests.cpu"));
  const auto number = decode_pod(R"({"spec":{"priority":"high"}})");
  REQUIRE_FALSE(number.has_value());
  CHECK(number.error().message == "spec.priority: expected an integer");
}

TEST_CASE("a request larger than int64: stays the largest, so that it never fits by overflow") {
  const auto pod = decode_pod(
      R"({"spec":{"containers":[{"resources":{"requests":{"cpu":"9223372036854775807","x/y":"99999999999E"}}}]}})");
  REQUIRE(pod.has_value());
  const int64_t most = std::numeric_limits<int64_t>::max();
  CHECK(pod->spec.containers[0].requests == api::ResourceList{{"cpu", most}, {"x/y", most}});
}

TEST_CASE("truncated or trailing text at every length: an error, never half a pod") {
  const std::string whole = R"({"metadata":{"name":"p","x":[{"y":1}]},"spec":{"containers":[{"name":"c"}]}})";
  REQUIRE(decode_pod(whole).has_value());
  for (size_t length = 0; length < whole.size(); ++length) {
    INFO(whole.substr(0, length));
    CHECK_FALSE(decode_pod(std::string_view(whole).substr(0, length)).has_value());
  }
  CHECK_FALSE(decode_pod(whole + "}").has_value());
  CHECK_FALSE(decode_pod(whole + whole).has_value());
  CHECK_FALSE(decode_pod("[]").has_value());
  CHECK_FALSE(decode_pod("3").has_value());
  CHECK_FALSE(decode_pod("{\"a\":\"\xff\"}").has_value());
}

TEST_CASE("very deep nesting in a field that is skipped: no recursion") {
  const std::string deep =
      R"({"metadata":{"name":"p","managedFields":)" + std::string(900, '[') + std::string(900, ']') + "}}";
  const auto pod = decode_pod(deep);
  if (pod) {
    CHECK(pod->meta.name == "p");
  } else {
    CHECK(pod.error().code == Code::kMalformed);
  }
}
