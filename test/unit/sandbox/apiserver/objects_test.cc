#include <catch2/catch.hpp>

#include "api.h"

using namespace stowage::sandbox;

namespace {
const std::string kMaps = "/api/v1/namespaces/default/configmaps";
const std::string kPods = "/api/v1/namespaces/default/pods";
}  // namespace

TEST_CASE("object created: server fills uid, version, time, namespace and manager") {
  Api api;
  const auto made = api.post(kMaps, config_map("a", {{"k", "v"}}));
  REQUIRE(made.status == 201);
  const Json& metadata = made.body["metadata"];
  CHECK(metadata["uid"].get<std::string>().size() == 36);
  CHECK(metadata["namespace"] == "default");
  CHECK(metadata["creationTimestamp"] == "2023-11-14T22:13:20Z");
  CHECK(metadata["managedFields"][0]["manager"] == "test");
  CHECK(metadata["managedFields"][0]["fieldsV1"] == Json::parse(R"({"f:data":{".":{},"f:k":{}}})"));
  CHECK(api.get(kMaps + "/a").body == made.body);
}

TEST_CASE("same name twice: the second create is AlreadyExists in kube's words") {
  Api api;
  api.post(kMaps, config_map("a"));
  const auto again = api.post(kMaps, config_map("a"));
  CHECK(again.status == 409);
  CHECK(again.reason() == "AlreadyExists");
  CHECK(again.message() == "configmaps \"a\" already exists");
}

TEST_CASE("update with an old version: conflict, object unchanged") {
  Api api;
  Json first = api.post(kMaps, config_map("a")).body;
  first["data"]["k"] = "1";
  REQUIRE(api.put(kMaps + "/a", first).status == 200);
  first["data"]["k"] = "2";
  const auto stale = api.put(kMaps + "/a", first);
  CHECK(stale.status == 409);
  CHECK(stale.reason() == "Conflict");
  CHECK(api.get(kMaps + "/a").body["data"]["k"] == "1");
}

TEST_CASE("equal state: nothing is written and the version stays") {
  Api api;
  const Json made = api.post(kMaps, config_map("a", {{"k", "v"}})).body;
  const uint64_t before = api.server.version();
  CHECK(api.put(kMaps + "/a", made).status == 200);
  CHECK(api.merge(kMaps + "/a", {{"data", {{"k", "v"}}}}).status == 200);
  CHECK(api.server.version() == before);
}

TEST_CASE("generateName: a fresh name with the prefix; the same seed gives the same names") {
  Api one;
  Api two;
  Json object = config_map("");
  object["metadata"] = {{"generateName", "x-"}};
  const std::string name = one.post(kMaps, object).body["metadata"]["name"];
  CHECK(name.starts_with("x-"));
  CHECK(name.size() == 7);
  CHECK(two.post(kMaps, object).body["metadata"]["name"] == name);
}

TEST_CASE("unknown field: strict refuses, warn warns, ignore is silent; it is never stored") {
  Api api;
  Json object = config_map("a");
  object["wrong"] = 1;
  const auto strict = api.post(kMaps + "?fieldValidation=Strict", object);
  CHECK(strict.status == 400);
  CHECK(strict.message() ==
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field "
        "\"wrong\"");
  const auto warned = api.post(kMaps, object);
  CHECK(warned.status == 201);
  REQUIRE(warned.headers.size() == 1);
  CHECK(warned.headers[0].second == "299 - \"unknown field \\\"wrong\\\"\"");
  CHECK(!warned.body.contains("wrong"));
}

TEST_CASE("dry run: the answer is complete, nothing is stored") {
  Api api;
  CHECK(api.post(kMaps + "?dryRun=All", config_map("a")).status == 201);
  CHECK(api.get(kMaps + "/a").status == 404);
}

TEST_CASE("pod: defaults, quality of service, and a spec that may not change") {
  Api api;
  Json made = api.post(kPods, pod("p")).body;
  CHECK(made["spec"]["restartPolicy"] == "Always");
  CHECK(made["spec"]["schedulerName"] == "default-scheduler");
  CHECK(made["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent");
  CHECK(made["status"]["phase"] == "Pending");
  CHECK(made["status"]["qosClass"] == "BestEffort");
  made["spec"]["restartPolicy"] = "Never";
  CHECK(api.put(kPods + "/p", made).status == 422);
}

TEST_CASE("quantities: written in canonical form") {
  Api api;
  Json object = pod("p");
  object["spec"]["containers"][0]["resources"] = {
      {"limits", {{"cpu", "1000m"}, {"memory", "1024Mi"}, {"nvidia.com/gpu", 8}}}};
  const Json made = api.post(kPods, object).body;
  const Json& limits = made["spec"]["containers"][0]["resources"]["limits"];
  CHECK(limits == Json({{"cpu", "1"}, {"memory", "1Gi"}, {"nvidia.com/gpu", "8"}}));
  CHECK(made["spec"]["containers"][0]["resources"]["requests"] == limits);
}

TEST_CASE("finalizer: delete marks, removing the last finalizer deletes") {
  Api api;
  Json object = config_map("a");
  object["metadata"]["finalizers"] = {"example.com/hold"};
  api.post(kMaps, object);
  const auto marked = api.remove(kMaps + "/a");
  CHECK(marked.status == 200);
  CHECK(marked.body["metadata"].contains("deletionTimestamp"));
  CHECK(api.get(kMaps + "/a").status == 200);
  CHECK(api.merge(kMaps + "/a", {{"metadata", {{"finalizers", nullptr}}}}).status == 200);
  CHECK(api.get(kMaps + "/a").status == 404);
}

TEST_CASE("delete with another UID: refused") {
  Api api;
  api.post(kMaps, config_map("a"));
  const auto refused = api.remove(kMaps + "/a", {{"preconditions", {{"uid", "other"}}}});
  CHECK(refused.status == 409);
  CHECK(api.get(kMaps + "/a").status == 200);
}

TEST_CASE("bound pod: deleted with grace, gone with grace 0; unbound pod: gone at once") {
  Api api;
  api.post(kPods, pod("free"));
  api.remove(kPods + "/free");
  CHECK(api.get(kPods + "/free").status == 404);
  api.post(kPods, pod("p"));
  const auto bound = api.post(kPods + "/p/binding", {{"apiVersion", "v1"},
                                                     {"kind", "Binding"},
                                                     {"metadata", {{"name", "p"}}},
                                                     {"target", {{"kind", "Node"}, {"name", "n1"}}}});
  REQUIRE(bound.status == 201);
  CHECK(api.remove(kPods + "/p").body["metadata"]["deletionGracePeriodSeconds"] == 30);
  CHECK(api.get(kPods + "/p").status == 200);
  api.remove(kPods + "/p", {{"gracePeriodSeconds", 0}});
  CHECK(api.get(kPods + "/p").status == 404);
}

TEST_CASE("binding: sets node, condition and annotations once; UID and gates are honoured") {
  Api api;
  const std::string uid = api.post(kPods, pod("p")).body["metadata"]["uid"];
  Json binding = {{"metadata", {{"name", "p"}, {"uid", "wrong"}}}, {"target", {{"name", "n1"}}}};
  CHECK(api.post(kPods + "/p/binding", binding).status == 409);
  binding["metadata"] = {{"name", "p"}, {"uid", uid}, {"annotations", {{"a", "b"}}}};
  CHECK(api.post(kPods + "/p/binding", binding).status == 201);
  const Json bound = api.get(kPods + "/p").body;
  CHECK(bound["spec"]["nodeName"] == "n1");
  CHECK(bound["metadata"]["annotations"]["a"] == "b");
  CHECK(bound["status"]["conditions"][0]["type"] == "PodScheduled");
  CHECK(api.post(kPods + "/p/binding", binding).message() ==
        "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n1\"");
  Json gated = pod("g");
  gated["spec"]["schedulingGates"] = {{{"name", "wait"}}};
  api.post(kPods, gated);
  CHECK(
      api.post(kPods + "/g/binding", {{"metadata", {{"name", "g"}}}, {"target", {{"name", "n1"}}}}).status ==
      409);
}

TEST_CASE("namespace deleted: its content goes first, then the namespace; nothing new gets in") {
  Api api;
  api.post("/api/v1/namespaces", {{"metadata", {{"name", "team"}}}});
  api.settle();
  api.post("/api/v1/namespaces/team/configmaps", config_map("a"));
  api.remove("/api/v1/namespaces/team");
  CHECK(api.post("/api/v1/namespaces/team/configmaps", config_map("b")).status == 403);
  api.settle();
  CHECK(api.get("/api/v1/namespaces/team").status == 404);
  CHECK(api.get("/api/v1/namespaces/team/configmaps/a").status == 404);
}

TEST_CASE("owner deleted in the background: dependents go; orphan: they stay without the reference") {
  for (const char* policy : {"Background", "Orphan", "Foreground"}) {
    Api api;
    const std::string uid = api.post(kMaps, config_map("owner")).body["metadata"]["uid"];
    Json child = config_map("child");
    child["metadata"]["ownerReferences"] = {{{"apiVersion", "v1"},
                                             {"kind", "ConfigMap"},
                                             {"name", "owner"},
                                             {"uid", uid},
                                             {"blockOwnerDeletion", true}}};
    api.post(kMaps, child);
    api.settle();
    api.remove(kMaps + "/owner", {{"propagationPolicy", policy}});
    api.settle();
    CHECK(api.get(kMaps + "/owner").status == 404);
    const auto left = api.get(kMaps + "/child");
    CHECK(left.status == (std::string_view(policy) == "Orphan" ? 200 : 404));
    if (left.status == 200) CHECK(!left.body["metadata"].contains("ownerReferences"));
  }
}

TEST_CASE("eviction: a budget without room answers 429, with room it deletes") {
  Api api;
  api.post(kPods, pod("p"));
  api.post(kPods + "/p/binding", {{"metadata", {{"name", "p"}}}, {"target", {{"name", "n1"}}}});
  api.merge(kPods + "/p/status",
            {{"status", {{"phase", "Running"}, {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}});
  const std::string budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  api.post(budgets, {{"apiVersion", "policy/v1"},
                     {"kind", "PodDisruptionBudget"},
                     {"metadata", {{"name", "b"}}},
                     {"spec", {{"minAvailable", 1}, {"selector", {{"matchLabels", {{"app", "p"}}}}}}}});
  api.settle();
  const auto refused = api.post(kPods + "/p/eviction", {{"metadata", {{"name", "p"}}}});
  CHECK(refused.status == 429);
  CHECK(refused.message() == "Cannot evict pod as it would violate the pod's disruption budget.");
  api.merge(budgets + "/b", {{"spec", {{"minAvailable", 0}}}});
  api.settle();
  CHECK(api.post(kPods + "/p/eviction", {{"metadata", {{"name", "p"}}}}).status == 201);
  CHECK(api.get(kPods + "/p").body["metadata"].contains("deletionTimestamp"));
}

TEST_CASE("hostile bodies: a Status, never a crash") {
  Api api;
  CHECK(api.raw("POST", kMaps, "{").status == 400);
  CHECK(api.raw("POST", kMaps, "[]").status == 400);
  CHECK(api.raw("POST", kMaps, std::string(100'000, '[')).status == 400);
  CHECK(api.raw("POST", kMaps, std::string(100'000, '['), "application/yaml").status == 400);
  CHECK(api.raw("POST", kMaps, std::string(4'000'000, ' ')).status == 413);
  CHECK(api.raw("POST", kMaps, "x", "application/vnd.kubernetes.protobuf").status == 400);
  CHECK(api.raw("POST", kMaps, R"({"metadata":{"name":5}})").status == 400);
  CHECK(api.raw("POST", kMaps, R"({"metadata":"x"})").status == 400);
  CHECK(api.raw("POST", kMaps, R"({"metadata":{"name":"A_B"}})").status == 422);
  CHECK(api.raw("PATCH", kMaps + "/none", "null", "application/json-patch+json").status == 404);
  CHECK(api.raw("GET", "/apis/nothing/v1/here").status == 404);
  CHECK(api.raw("GET", kMaps + "?labelSelector=%21%21").status == 400);
  CHECK(api.raw("GET", kMaps + "?fieldSelector=spec.x=1").status == 400);
  CHECK(api.raw("GET", kMaps + "?resourceVersion=abc").status == 400);
  CHECK(api.raw("GET", kMaps + "?continue=abc").status == 400);
}
