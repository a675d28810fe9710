#include "controllers/model_deployment/desired.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "controllers/model_deployment/names.h"
#include "controllers/model_deployment/placeholders.h"

using namespace stowage;
using namespace stowage::model_deployment;
using Json = nlohmann::json;

namespace {

api::ModelDeployment deployment(const Json& spec, const std::string& name = "qwen") {
  Json object = {{"metadata", {{"name", name}, {"namespace", "team"}, {"uid", "u-1"}, {"generation", 3}}},
                 {"spec", {{"model", {{"uri", "hf://Qwen/Qwen2.5-7B-Instruct"}}}}}};
  object["spec"].update(spec);
  auto decoded = api::decode_model_deployment(object.dump());
  REQUIRE(decoded);
  return *decoded;
}

api::ModelRuntime runtime() {
  api::ModelRuntime out;
  out.meta.name = "vllm";
  out.spec.image = "vllm/vllm-openai:v1";
  out.spec.command = {"vllm", "serve"};
  out.spec.args = {"{{model.path}}", "--revision={{model.revision}}", "--tp={{tensorParallel}}",
                   "--port={{port}}"};
  out.spec.data_parallel_args = {"--dp={{dataParallel}}"};
  out.spec.multi_node.emplace();
  out.spec.multi_node->leader.args = {"lead", "--nodes={{nodes}}"};
  out.spec.multi_node->worker.args = {"join", "{{leader.address}}:{{leader.port}}", "--rank={{rank}}"};
  out.spec.shared_memory_bytes = int64_t{2} << 30;
  return out;
}

Json render(const api::ModelDeployment& d) {
  const auto shape = derive_shape(d.spec);
  REQUIRE(shape);
  const auto data = render_revision(d, runtime(), *shape);
  REQUIRE(data);
  return Json::parse(*data);
}

std::string refusal(const Json& pod_template) {
  const auto d = deployment({{"podTemplate", pod_template}});
  const auto data = render_revision(d, runtime(), *derive_shape(d.spec));
  REQUIRE_FALSE(data);
  CHECK(data.error().code == Code::kInvalidArgument);
  return data.error().message;
}

Json pod(const api::ModelDeployment& d, int32_t replica, int32_t attempt, int32_t rank, int32_t size) {
  const auto text = pod_object(d, {replica, attempt, rank, size, "qwen-rev"}, render(d).dump());
  REQUIRE(text);
  return Json::parse(*text);
}

const Json& engine(const Json& pod) {
  return pod["spec"]["containers"][0];
}

std::string env(const Json& pod, const std::string& name) {
  for (const auto& variable : engine(pod)["env"]) {
    if (variable["name"] == name) return variable.value("value", "");
  }
  return "absent";
}

}  // namespace

TEST_CASE("three lines: one pod with one device that satisfies the restricted standard") {
  const Json made = pod(deployment(Json::object()), 0, 0, 0, 1);
  CHECK(made["metadata"]["name"] == "qwen-0-0-0");
  CHECK(made["metadata"]["ownerReferences"][0]["uid"] == "u-1");
  CHECK(made["metadata"]["annotations"][std::string(kGroupAnnotation)] == "qwen-0-0");
  CHECK(made["metadata"]["annotations"][std::string(kGroupSizeAnnotation)] == "1");
  CHECK(made["spec"]["schedulerName"] == "stowage");
  CHECK(made["spec"]["restartPolicy"] == "Always");
  CHECK_FALSE(made["spec"].contains("subdomain"));
  CHECK(engine(made)["resources"]["limits"]["nvidia.com/gpu"] == "1");
  CHECK(made["spec"]["securityContext"]["runAsNonRoot"] == true);
  CHECK(made["spec"]["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault");
  CHECK(engine(made)["securityContext"]["allowPrivilegeEscalation"] == false);
  CHECK(engine(made)["securityContext"]["capabilities"]["drop"] == Json::array({"ALL"}));
  CHECK(made["spec"]["tolerations"][0]["key"] == "nvidia.com/gpu");
  CHECK(env(made, "HOME") == "/home/stowage");
}

TEST_CASE("an argument whose placeholder is empty: left out; the others are filled in") {
  const Json args = engine(pod(deployment({{"parallelism", {{"tensor", 2}}}}), 0, 0, 0, 1))["args"];
  CHECK(args == Json::array({"Qwen/Qwen2.5-7B-Instruct", "--tp=2", "--port=8000"}));
}

TEST_CASE("a group of two nodes: leader and worker have their own arguments, rank and the leader's address") {
  const auto d = deployment({{"parallelism", {{"tensor", 8}, {"pipeline", 2}}}});
  const Json leader = pod(d, 1, 4, 0, 2);
  const Json worker = pod(d, 1, 4, 1, 2);
  CHECK(leader["metadata"]["name"] == "qwen-1-4-0");
  CHECK(leader["spec"]["restartPolicy"] == "Never");
  CHECK(leader["spec"]["hostname"] == "qwen-1-4-0");
  CHECK(leader["spec"]["subdomain"] == "qwen-members");
  CHECK(engine(leader)["args"] == Json::array({"lead", "--nodes=2"}));
  CHECK(engine(leader).contains("readinessProbe"));
  CHECK(engine(worker)["args"] == Json::array({"join", "qwen-1-4-0.qwen-members.team.svc:6379", "--rank=1"}));
  CHECK_FALSE(engine(worker).contains("readinessProbe"));
  CHECK(env(worker, "STOWAGE_RANK") == "1");
  CHECK(env(worker, "STOWAGE_WORLD_SIZE") == "16");
  CHECK(env(worker, "MASTER_ADDR") == "qwen-1-4-0.qwen-members.team.svc");
  CHECK(worker["metadata"]["labels"][std::string(kRankLabel)] == "1");
}

TEST_CASE(
    "placement: topology, spread, products, memory and tiers become annotations, residency an affinity") {
  const Json made = pod(deployment({{"placement",
                                     {{"topology", {{"level", "rack"}, {"mode", "Required"}}},
                                      {"spread", {{"level", "zone"}, {"maxSkew", 2}}},
                                      {"residency", {{"zones", {"eu-1a"}}}},
                                      {"nodeSelector", {{"pool", "a"}}},
                                      {"priorityClassName", "high"}}},
                                    {"accelerator", {{"products", {"A", "B"}}, {"minMemory", "80Gi"}}},
                                    {"capacity", {{"tiers", {{{"type", "Reserved"}}, {{"type", "Spot"}}}}}}}),
                        0, 0, 0, 1);
  const Json& notes = made["metadata"]["annotations"];
  CHECK(notes["stowage.dev/topology-required"] == "rack");
  CHECK(notes["stowage.dev/model"] == "hf://Qwen/Qwen2.5-7B-Instruct");
  CHECK(notes["stowage.dev/spread"] == "zone/2");
  CHECK(notes["stowage.dev/products"] == "A,B");
  CHECK(notes["stowage.dev/device-memory"] == "80Gi");
  CHECK(notes["stowage.dev/tiers"] == "Reserved,Spot");
  const Json& term =
      made["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
          ["nodeSelectorTerms"][0]["matchExpressions"][0];
  CHECK(term == Json{{"key", "topology.kubernetes.io/zone"}, {"operator", "In"}, {"values", {"eu-1a"}}});
  CHECK(made["spec"]["nodeSelector"]["pool"] == "a");
  CHECK(made["spec"]["priorityClassName"] == "high");
  bool spot = false;
  for (const auto& toleration : made["spec"]["tolerations"])
    spot = spot || toleration["key"] == "cloud.google.com/gke-spot";
  CHECK(spot);
}

TEST_CASE("weights on a volume: the claim is mounted read-only and the engine gets the path") {
  const Json made =
      pod(deployment({{"model", {{"uri", "pvc://weights/llama"}, {"credentialsSecret", "hf"}}}}), 0, 0, 0, 1);
  CHECK(engine(made)["args"][0] == "/models/llama");
  CHECK(made["spec"]["volumes"][2]["persistentVolumeClaim"]["claimName"] == "weights");
  CHECK(made["spec"]["volumes"][2]["persistentVolumeClaim"]["readOnly"] == true);
  CHECK(engine(made)["env"].back()["valueFrom"]["secretKeyRef"]["name"] == "hf");
}

TEST_CASE("a source that is not loaded yet: unsupported, and the message says what to do") {
  const auto model = resolve_model("s3://bucket/model");
  REQUIRE_FALSE(model);
  CHECK(model.error().code == Code::kUnsupported);
  CHECK(model.error().message.find("pvc://") != std::string::npos);
}

TEST_CASE("podTemplate: permitted parts are merged by name, over what is generated") {
  const Json made = pod(
      deployment({{"podTemplate",
                   {{"metadata", {{"labels", {{"team", "x"}}}}},
                    {"spec",
                     {{"terminationGracePeriodSeconds", 300},
                      {"tolerations", {{{"key", "team"}, {"operator", "Exists"}}}},
                      {"volumes", {{{"name", "cfg"}, {"configMap", {{"name", "c"}}}}}},
                      {"containers",
                       {{{"name", "engine"},
                         {"resources", {{"limits", {{"memory", "64Gi"}}}}},
                         {"env", {{{"name", "HOME"}, {"value", "/h"}}, {{"name", "NEW"}, {"value", "1"}}}}},
                        {{"name", "sidecar"}, {"image", "log:1"}}}}}}}}}),
      0, 0, 0, 1);
  CHECK(made["metadata"]["labels"]["team"] == "x");
  CHECK(made["metadata"]["labels"][std::string(kDeploymentLabel)] == "qwen");
  CHECK(made["spec"]["terminationGracePeriodSeconds"] == 300);
  CHECK(made["spec"]["tolerations"].size() == 2);
  CHECK(made["spec"]["volumes"].back()["configMap"]["name"] == "c");
  CHECK(engine(made)["resources"]["limits"] == Json{{"memory", "64Gi"}, {"nvidia.com/gpu", "1"}});
  CHECK(env(made, "HOME") == "/h");
  CHECK(env(made, "NEW") == "1");
  CHECK(made["spec"]["containers"][1]["securityContext"]["allowPrivilegeEscalation"] == false);
}

TEST_CASE("podTemplate: what reaches out of the pod is refused, with the path") {
  const auto spec = [](Json value) { return Json{{"spec", std::move(value)}}; };
  const auto container = [&](Json value) {
    value["name"] = "engine";
    return spec({{"containers", Json::array({std::move(value)})}});
  };
  const std::vector<std::pair<Json, std::string>> cases = {
      {spec({{"hostNetwork", true}}), "podTemplate.spec.hostNetwork"},
      {spec({{"hostPID", true}}), "podTemplate.spec.hostPID"},
      {spec({{"hostIPC", false}}), "podTemplate.spec.hostIPC"},
      {spec({{"nodeName", "n"}}), "podTemplate.spec.nodeName"},
      {spec({{"schedulerName", "x"}}), "podTemplate.spec.schedulerName"},
      {spec({{"restartPolicy", "Never"}}), "podTemplate.spec.restartPolicy"},
      {spec({{"ephemeralContainers", Json::array()}}), "podTemplate.spec.ephemeralContainers"},
      {spec({{"volumes",
              {{{"name", "a"}, {"emptyDir", Json::object()}},
               {{"name", "v"}, {"hostPath", {{"path", "/"}}}}}}}),
       "podTemplate.spec.volumes[1].hostPath"},
      {container({{"securityContext", {{"privileged", true}}}}),
       "podTemplate.spec.containers[0].securityContext.privileged"},
      {container({{"securityContext", {{"allowPrivilegeEscalation", true}}}}),
       "podTemplate.spec.containers[0].securityContext.allowPrivilegeEscalation"},
      {container({{"securityContext", {{"procMount", "Unmasked"}}}}),
       "podTemplate.spec.containers[0].securityContext.procMount"},
      {container({{"ports", {{{"containerPort", 80}, {"hostPort", 80}}}}}),
       "podTemplate.spec.containers[0].ports[0].hostPort"},
      {container({{"resources", {{"limits", {{"nvidia.com/gpu", 4}}}}}}),
       "podTemplate.spec.containers[0].resources.limits[nvidia.com/gpu]"},
      {container({{"volumeDevices", Json::array()}}), "podTemplate.spec.containers[0].volumeDevices"},
      {spec({{"tolerations", {{{"operator", "Exists"}}}}}), "podTemplate.spec.tolerations[0].key"},
      {spec({{"tolerations", {{{"key", "node-role.kubernetes.io/control-plane"}}}}}),
       "podTemplate.spec.tolerations[0].key"},
      {Json{{"metadata", {{"labels", {{"stowage.dev/rank", "1"}}}}}},
       "podTemplate.metadata.labels[stowage.dev/rank]"},
      {Json{{"metadata", {{"name", "x"}}}}, "podTemplate.metadata.name"},
      {Json{{"spec", "everything"}}, "podTemplate.spec"},
      {Json{{"spec", {{"containers", {1, 2}}}}}, "podTemplate.spec.containers[0]"},
      {Json{{"kind", "Pod"}}, "podTemplate.kind"},
  };
  for (const auto& [overlay, path] : cases) {
    CAPTURE(overlay.dump());
    CHECK(refusal(overlay).starts_with(path + ":"));
  }
}

TEST_CASE("an unknown placeholder in the user's arguments: an error that names it") {
  const auto d = deployment({{"runtime", {{"args", {"{{no.such}}"}}}}});
  const auto data = render_revision(d, runtime(), *derive_shape(d.spec));
  REQUIRE_FALSE(data);
  CHECK(data.error().message.find("{{no.such}}") != std::string::npos);
}

TEST_CASE("a revision's data holds no byte that the API server would write otherwise") {
  // Go's encoding/json escapes these three and U+2028; the data of a ControllerRevision are compared as
  // bytes.
  const auto d = deployment(
      {{"runtime", {{"args", {"a>/dev/null 2>&1 <b \u2028 \u00e9"}}, {"image", "example.invalid/a:1"}}}});
  const auto data = render_revision(d, runtime(), *derive_shape(d.spec));
  REQUIRE(data);
  const std::string body = revision_object(d, "qwen-rev", 1, *data);
  CHECK(body.find_first_of("<>&") == std::string::npos);
  CHECK(body.find("\u2028") == std::string::npos);
  CHECK(Json::parse(body)["data"] == Json::parse(*data));
  const auto fact = decode_revision_fact(body);
  REQUIRE(fact);
  CHECK(fact->key == d.spec.revision_key);
  CHECK(same_pods(fact->data, *data));
}

TEST_CASE("counts, rollout limits and suspend: the revision key stays; an image changes it") {
  const std::string key = deployment(Json::object()).spec.revision_key;
  CHECK(deployment({{"replicas", 5}, {"suspend", true}, {"rollout", {{"maxSurge", 3}}}}).spec.revision_key ==
        key);
  CHECK(deployment({{"runtime", {{"args", Json::array()}}}}).spec.revision_key == key);
  CHECK(deployment({{"runtime", {{"image", "x"}}}}).spec.revision_key != key);
  CHECK(deployment({{"placement", {{"nodeSelector", {{"a", "b"}}}}}}).spec.revision_key != key);
  CHECK(revision_name("qwen", key, 0) == revision_name("qwen", key, 0));
  CHECK(revision_name("qwen", key, 0) != revision_name("qwen", key, 1));
}

TEST_CASE("a Service that the API server has filled with defaults: still what we want, until it is edited") {
  const auto desired = serving_service(deployment(Json::object()), 8000);
  Json stored = Json::parse(desired.body);
  stored["spec"]["clusterIP"] = "10.0.0.7";
  stored["spec"]["type"] = "ClusterIP";
  stored["spec"]["sessionAffinity"] = "None";
  CHECK(service_matches(*decode_service_fact(stored.dump()), desired.fact));
  stored["spec"]["selector"]["stowage.dev/rank"] = "1";
  CHECK_FALSE(service_matches(*decode_service_fact(stored.dump()), desired.fact));
  const auto members = members_service_object(deployment(Json::object()), 8000);
  CHECK(members.fact.headless);
  CHECK(members.fact.publish_not_ready);
}
