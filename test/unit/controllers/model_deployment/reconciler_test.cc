#include "controllers/model_deployment/reconciler.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "fake_api.h"

using namespace stowage;
using namespace stowage::model_deployment;
using namespace stowage::model_deployment::test;

namespace {

struct Fixture {
  stowage::test::VirtualWorld world;
  FakeApi api{world};
  kube::Client client{api.transport(), "test"};
  kube::EventRecorder events{world.env(), client, "test"};
  std::unique_ptr<Reconciler> reconciler;

  Fixture() { start(); }
  /// A new process: nothing is remembered but what the API server has.
  void start() {
    reconciler = std::make_unique<Reconciler>(world.env(), client, events, api.stores());
    api.on_pod = [this](const auto& old, const auto& now) { reconciler->pod_seen(old, now); };
    api.on_service = [this](const ServiceFact& service) { reconciler->service_seen(service); };
    api.on_revision = [this](const RevisionFact& revision) { reconciler->revision_seen(revision); };
  }
  Result<kube::Action> reconcile() { return world.run(reconciler->reconcile("a/m")); }
  /// Reconciles and lets kubelets work until nothing is written any more.
  void settle() {
    for (int i = 0; i < 40; ++i) {
      api.forget_writes();
      REQUIRE(reconcile());
      const bool idle = api.writes().empty();
      api.kubelets();
      if (idle && i > 0) return;
    }
    FAIL("it does not come to rest");
  }
  void fail_pod(const std::string& name) {
    Json failed = api.object("pods", name);
    failed["status"] = {{"phase", "Failed"},
                        {"containerStatuses", {{{"state", {{"terminated", {{"exitCode", 1}}}}}}}}};
    api.add("pods", name, failed);
  }
  std::set<std::string> names(const std::string& plural) {
    std::set<std::string> out;
    for (const auto& object : api.all(plural))
      out.insert(object["metadata"]["name"]);
    return out;
  }
};

}  // namespace

TEST_CASE("a new deployment: revision, Service, status, then pods; once ready, nothing is written any more") {
  Fixture f;
  f.api.deploy(Json::object());
  REQUIRE(f.reconcile());
  CHECK(f.api.writes() ==
        std::vector<std::string>{"POST controllerrevisions", "POST services", "APPLY status", "POST pods"});
  f.api.kubelets();
  f.settle();
  CHECK(f.api.ready_reason() == "True AllReplicasReady");
  for (int i = 0; i < 5; ++i) {
    f.api.forget_writes();
    REQUIRE(f.reconcile());
    CHECK(f.api.writes().empty());
  }
}

TEST_CASE("a two-node deployment: headless Service, two pods with the leader's address") {
  Fixture f;
  f.api.deploy({{"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}}});
  f.settle();
  CHECK(f.names("services") == std::set<std::string>{"m", "m-members"});
  CHECK(f.names("pods") == std::set<std::string>{"m-0-0-0", "m-0-0-1"});
}

TEST_CASE("a pod of a group fails: the attempt is in the status before the first pod is deleted") {
  Fixture f;
  f.api.deploy({{"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}}});
  f.settle();
  f.fail_pod("m-0-0-1");
  f.api.forget_writes();
  REQUIRE(f.reconcile());
  const auto writes = f.api.writes();
  REQUIRE(writes.size() == 5);
  CHECK(writes[0] == "APPLY status");
  CHECK(writes[1] == "DELETE pods");
  CHECK(writes[3] == "POST pods");
  CHECK(f.api.object("modeldeployments", "m")["status"]["attempts"][0]["restarts"] == 1);
}

TEST_CASE("a status of long ago arrives once more, and the next process begins: spent restarts stay spent") {
  Fixture f;
  f.api.deploy({{"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}},
                {"rollout", {{"restartBudget", {{"restarts", 1}, {"window", "1h"}}}}}});
  f.settle();
  std::vector<kube::HttpRequest> old;
  std::ranges::copy_if(f.api.requests(), std::back_inserter(old), [](const auto& request) {
    return request.target.find("/modeldeployments/m/status?") != std::string::npos;
  });
  REQUIRE(old.size() > 1);
  f.fail_pod("m-0-0-1");
  f.settle();
  REQUIRE(f.names("pods") == std::set<std::string>{"m-0-1-0", "m-0-1-1"});
  for (const auto& request : old)
    f.api.replay(request);
  f.start();
  REQUIRE(f.reconcile());
  CHECK(f.api.object("modeldeployments", "m")["status"]["attempts"][0]["restarts"] == 1);
  f.fail_pod("m-0-1-1");
  REQUIRE(f.reconcile());
  CHECK(f.names("pods") == std::set<std::string>{"m-0-1-0", "m-0-1-1"});
}

TEST_CASE("the object has changed unseen: nothing is deleted, and the next pass begins from what is there") {
  Fixture f;
  f.api.deploy({{"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}}});
  f.settle();
  f.fail_pod("m-0-0-1");
  f.api.blind(true);
  f.api.object("modeldeployments", "m")["metadata"]["resourceVersion"] = "1000";
  f.api.forget_writes();
  const auto refused = f.reconcile();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kConflict);
  CHECK(f.api.writes() == std::vector<std::string>{"APPLY status"});
  // Whatever its watch does: the caches still stand still.
  REQUIRE(f.reconcile());
  CHECK(f.api.object("modeldeployments", "m")["status"]["attempts"][0]["restarts"] == 1);
  CHECK(f.names("pods").contains("m-0-1-0"));
}

TEST_CASE(
    "rule 24: killed at every write, before and after it took effect: converges without duplicates or "
    "orphans") {
  for (const bool applied : {false, true}) {
    for (int write = 1; write <= 40; ++write) {
      CAPTURE(applied, write);
      Fixture f;
      f.api.deploy({{"replicas", 2}, {"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}}});
      f.api.die_at_write(write, applied);
      const auto survive = [&f] {
        for (int i = 0; i < 30; ++i) {
          (void)f.reconcile();
          if (f.api.dead()) {
            f.api.restart();
            f.start();
          }
          f.api.kubelets();
        }
      };
      survive();
      f.api.deploy({{"replicas", 2},
                    {"runtime", {{"image", "engine:2"}}},
                    {"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}}});
      survive();
      f.settle();
      CHECK(f.api.ready_reason() == "True AllReplicasReady");
      REQUIRE(f.api.all("pods").size() == 4);
      for (const auto& pod : f.api.all("pods"))
        CHECK(pod["spec"]["containers"][0]["image"] == "engine:2");
      CHECK(f.api.all("controllerrevisions").size() == 2);
      CHECK(f.api.all("services").size() == 2);
    }
  }
}

TEST_CASE(
    "rule 29: a pod with our name that is not ours: never touched, and the next attempt is made instead") {
  Fixture f;
  f.api.add("pods", "m-0-0-0", {{"metadata", {{"uid", "foreign"}}}, {"spec", {{"nodeName", "n"}}}});
  f.api.deploy(Json::object());
  const auto result = f.reconcile();
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::kConflict);
  CHECK(f.api.object("pods", "m-0-0-0")["metadata"]["uid"] == "foreign");
  // Nothing but the live object decided that.
  const auto& last = f.api.requests().back();
  CHECK(last.method == kube::Method::kGet);
  CHECK(last.target.find("/pods/m-0-0-0") != std::string::npos);
  REQUIRE(f.reconcile());
  CHECK(f.api.object("pods", "m-0-0-0")["metadata"]["uid"] == "foreign");
  CHECK(f.api.object("pods", "m-0-1-0")["metadata"]["labels"]["stowage.dev/attempt"] == "1");
  CHECK(f.api.object("modeldeployments", "m")["status"]["attempts"][0]["attempt"] == 1);
}

TEST_CASE("rule 29: a Service of our name that is not ours: Stalled, never taken over") {
  Fixture f;
  f.api.add("services", "m", {{"metadata", {{"uid", "foreign"}}}, {"spec", Json::object()}});
  f.api.deploy(Json::object());
  REQUIRE(f.reconcile());
  CHECK(f.api.ready_reason() == "False ServiceNameTaken");
  CHECK(f.api.object("services", "m")["metadata"]["uid"] == "foreign");
}

TEST_CASE("somebody edits the Service's selector: it is put back") {
  Fixture f;
  f.api.deploy(Json::object());
  f.settle();
  Json service = f.api.object("services", "m");
  service["spec"]["selector"] = {{"app", "x"}};
  f.api.add("services", "m", service);
  f.settle();
  CHECK(f.api.object("services", "m")["spec"]["selector"]["stowage.dev/rank"] == "0");
}

TEST_CASE("the API server refuses the pods: told once, tried again later, forgotten when it gives in") {
  Fixture f;
  f.api.deploy(Json::object());
  SECTION("by a quota: it may pass by itself") {
    f.api.refuse_pods(403, "exceeded quota");
    const auto action = f.reconcile();
    REQUIRE(action);
    CHECK(action->after > Millis{0});
    CHECK(f.api.ready_reason() == "False PodForbidden");
  }
  SECTION("as invalid: only an edit helps") {
    f.api.refuse_pods(422, "spec.containers[0].image: Invalid value");
    REQUIRE(f.reconcile());
    CHECK(f.api.ready_reason() == "False PodRejected");
  }
  f.api.forget_writes();
  REQUIRE(f.reconcile());
  const auto writes = f.api.writes();
  CHECK(std::count(writes.begin(), writes.end(), "APPLY status") == 0);
  f.api.refuse_pods(0, "");
  f.settle();
  CHECK(f.api.ready_reason() == "True AllReplicasReady");
}

TEST_CASE("eight replicas: all pods are made in one go; of a template that is refused one pod is tried") {
  Fixture f;
  f.api.deploy({{"replicas", 8}});
  const auto posts = [&f] {
    const auto writes = f.api.writes();
    return std::count(writes.begin(), writes.end(), "POST pods");
  };
  SECTION("accepted") {
    REQUIRE(f.reconcile());
    CHECK(posts() == 8);
    CHECK(f.names("pods").size() == 8);
  }
  SECTION("refused") {
    f.api.refuse_pods(403, "exceeded quota");
    REQUIRE(f.reconcile());
    CHECK(posts() == 1);
  }
}

TEST_CASE("pods become ready one by one: figures are written once a second, conditions at once") {
  Fixture f;
  f.api.deploy({{"replicas", 3}});
  REQUIRE(f.reconcile());
  const auto become_ready = [&f](const std::string& name) {
    Json pod = f.api.object("pods", name);
    pod["spec"]["nodeName"] = "node";
    pod["status"] = {{"phase", "Running"}, {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}};
    f.api.add("pods", name, pod);
    f.api.forget_writes();
    const auto action = f.reconcile();
    REQUIRE(action);
    return action->after;
  };
  f.api.add_node();
  become_ready("m-0-0-0");
  CHECK(become_ready("m-1-0-0") == Millis{1'000});
  CHECK(f.api.writes().empty());
  f.world.run_for(Millis{1'000});
  REQUIRE(f.reconcile());
  CHECK(f.api.writes() == std::vector<std::string>{"APPLY status"});
  CHECK(f.api.object("modeldeployments", "m")["status"]["readyReplicas"] == 2);
  become_ready("m-2-0-0");
  CHECK(f.api.writes() == std::vector<std::string>{"APPLY status"});
  CHECK(f.api.ready_reason() == "True AllReplicasReady");
}

TEST_CASE(
    "a pod is taken away whole between two looks: its number is not used again, until it is scaled away") {
  Fixture f;
  f.api.deploy(Json::object());
  f.settle();
  f.api.take_away("pods", "m-0-0-0");
  f.settle();
  CHECK(f.names("pods") == std::set<std::string>{"m-0-1-0"});
  f.api.take_away("pods", "m-0-1-0");
  f.settle();
  CHECK(f.names("pods") == std::set<std::string>{"m-0-2-0"});
  f.api.deploy({{"replicas", 0}});
  f.settle();
  f.api.deploy({{"replicas", 1}});
  f.settle();
  CHECK(f.names("pods") == std::set<std::string>{"m-0-0-0"});
}

TEST_CASE("a gang stays half bound: replaced after 7 s of this process, and not before") {
  Fixture f;
  f.api.deploy({{"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}}});
  REQUIRE(f.reconcile());
  REQUIRE(f.names("pods").size() == 2);
  f.api.add_node();
  Json pod = f.api.object("pods", "m-0-0-1");
  pod["spec"]["nodeName"] = "node";
  f.api.add("pods", "m-0-0-1", pod);
  const auto pods_after = [&f](Millis wait) {
    f.world.run_for(wait);
    REQUIRE(f.reconcile());
    return f.names("pods");
  };
  CHECK(pods_after(Millis{0}) == std::set<std::string>{"m-0-0-0", "m-0-0-1"});
  CHECK(pods_after(Millis{6'900}) == std::set<std::string>{"m-0-0-0", "m-0-0-1"});
  // The bound one is still being stopped.
  CHECK(pods_after(Millis{100}) == std::set<std::string>{"m-0-0-1", "m-0-1-0", "m-0-1-1"});
}

TEST_CASE("an edit that cannot be carried out while replicas run: they stay, and scaling still works") {
  Fixture f;
  f.api.deploy(Json::object());
  f.settle();
  f.api.deploy({{"replicas", 2}, {"runtime", {{"name", "no-such"}}}});
  f.settle();
  CHECK(f.api.ready_reason() == "False UnknownRuntime");
  CHECK(f.names("pods") == std::set<std::string>{"m-0-0-0", "m-1-0-0"});
}

TEST_CASE("an edited runtime: pods stay as they are, the drift is told, the next change takes it over") {
  Fixture f;
  f.api.deploy(Json::object());
  f.settle();
  auto runtime = std::make_shared<api::ModelRuntime>(*f.api.runtimes.get("vllm"));
  runtime->spec.image = "engine:9";
  runtime->meta.resource_version = "2";
  f.api.runtimes.put(runtime);
  f.settle();
  CHECK(f.names("pods") == std::set<std::string>{"m-0-0-0"});
  CHECK(f.api.object("modeldeployments", "m")["status"].dump().find("RuntimeOutdated") != std::string::npos);
  f.api.deploy({{"runtime", {{"args", {"--x"}}}}});
  f.settle();
  REQUIRE(f.api.all("pods").size() == 1);
  CHECK(f.api.all("pods")[0]["spec"]["containers"][0]["image"] == "engine:9");
  CHECK(f.api.object("modeldeployments", "m")["status"].dump().find("RuntimeOutdated") == std::string::npos);
}

TEST_CASE("fifteen changes: ten revisions are kept, and going back makes an old one the newest") {
  Fixture f;
  for (int i = 0; i < 15; ++i) {
    f.api.deploy({{"runtime", {{"image", fmt::format("engine:{}", i)}}}});
    f.settle();
  }
  CHECK(f.api.all("controllerrevisions").size() == 10);
  f.api.deploy({{"runtime", {{"image", "engine:10"}}}});
  f.settle();
  CHECK(f.api.all("controllerrevisions").size() == 10);
  CHECK(f.api.ready_reason() == "True AllReplicasReady");
  int64_t newest = 0;
  std::string image;
  for (const auto& revision : f.api.all("controllerrevisions")) {
    if (revision["revision"] <= newest) continue;
    newest = revision["revision"];
    image = revision["data"]["leader"]["spec"]["containers"][0]["image"];
  }
  CHECK(image == "engine:10");
}

TEST_CASE(
    "rule 11: a pod is on a node that the cache does not know: only the API server's word makes it lost") {
  Fixture f;
  f.api.deploy(Json::object());
  f.settle();
  Json pod = f.api.object("pods", "m-0-0-0");
  pod["spec"]["nodeName"] = "newer-than-the-cache";
  f.api.add("pods", "m-0-0-0", pod);
  SECTION("the node exists") {
    f.api.add("nodes", "newer-than-the-cache", Json{{"metadata", Json::object()}});
    REQUIRE(f.reconcile());
    CHECK(f.names("pods") == std::set<std::string>{"m-0-0-0"});
  }
  SECTION("the node is gone: the next attempt starts at once") {
    REQUIRE(f.reconcile());
    CHECK(f.names("pods") == std::set<std::string>{"m-0-0-0", "m-0-1-0"});
  }
}

TEST_CASE("the deployment is being deleted: nothing is made any more") {
  Fixture f;
  f.api.deploy(Json::object());
  Json object = f.api.object("modeldeployments", "m");
  object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  f.api.add("modeldeployments", "m", object);
  f.api.forget_writes();
  REQUIRE(f.reconcile());
  CHECK(f.api.writes().empty());
}

TEST_CASE("rule 18: nothing is forced but our own part of our own status, and that names the UID") {
  Fixture f;
  f.api.add("services", "m-members", {{"metadata", {{"uid", "foreign"}}}, {"spec", Json::object()}});
  f.api.deploy({{"replicas", 2}, {"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}}});
  for (int i = 0; i < 3; ++i)
    (void)f.reconcile();
  // A Service of ours that somebody edits, a rollout, a scale-down: every kind of write there is.
  f.api.deploy({{"replicas", 2}});
  f.settle();
  Json service = f.api.object("services", "m");
  service["spec"]["selector"] = {{"app", "x"}};
  f.api.add("services", "m", service);
  f.settle();
  f.api.deploy({{"replicas", 1}, {"runtime", {{"image", "engine:2"}}}});
  f.settle();
  int forced = 0;
  for (const auto& request : f.api.requests()) {
    if (request.target.find("force=true") == std::string::npos) continue;
    ++forced;
    CHECK(request.target.find("/modeldeployments/m/status?") != std::string::npos);
    CHECK(Json::parse(request.body)["metadata"]["uid"] == "uid-m");
    CHECK_FALSE(Json::parse(request.body)["status"].contains("placement"));
  }
  CHECK(forced > 0);
  CHECK(f.api.object("services", "m-members")["metadata"]["uid"] == "foreign");
  CHECK(f.api.object("services", "m-members")["spec"].empty());
}

TEST_CASE("rule 28: no effect reaches outside the owner's reach, so no finalizer is set on anything") {
  Fixture f;
  f.api.deploy({{"replicas", 2}, {"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}}});
  f.settle();
  f.api.deploy({{"replicas", 1}, {"runtime", {{"image", "engine:2"}}}});
  f.settle();
  int created = 0;
  for (const auto& request : f.api.requests()) {
    if (request.method == kube::Method::kGet || request.method == kube::Method::kDelete) continue;
    CHECK(request.body.find("finalizers") == std::string::npos);
    // Deleting the namespace or the deployment takes everything along: all writes stay in the namespace.
    CHECK(request.target.find("/namespaces/a/") != std::string::npos);
    if (request.method != kube::Method::kPost || request.target.find("/events") != std::string::npos)
      continue;
    ++created;
    CHECK(Json::parse(request.body)["metadata"]["ownerReferences"].size() == 1);
  }
  CHECK(created >= 8);
}

TEST_CASE("rule 29: every child names its owner by UID, and a namesake's children are not taken over") {
  Fixture f;
  f.api.deploy({{"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}}});
  f.settle();
  for (const char* kind : {"pods", "services", "controllerrevisions"}) {
    for (const auto& child : f.api.all(kind)) {
      CAPTURE(kind);
      const Json& owner = child["metadata"]["ownerReferences"].at(0);
      CHECK(owner["uid"] == "uid-m");
      CHECK(owner["controller"] == true);
    }
  }
  // Deleted and made again under the same name while the children of the first still stand.
  const auto children = f.names("pods");
  f.api.object("modeldeployments", "m").erase("status");
  f.api.deployment_uid = "uid-second";
  f.api.deploy({{"parallelism", {{"tensor", 8}, {"pipeline", 2}, {"data", 1}}}});
  f.start();
  for (int i = 0; i < 3; ++i)
    (void)f.reconcile();
  for (const auto& name : children)
    CHECK(f.api.object("pods", name)["metadata"]["ownerReferences"].at(0)["uid"] == "uid-m");
  CHECK(f.api.object("services", "m")["metadata"]["ownerReferences"].at(0)["uid"] == "uid-m");
  // It does not wait until they are collected: its revision and pods have names of their own.
  for (const char* kind : {"pods", "controllerrevisions"}) {
    CAPTURE(kind);
    const auto all = f.api.all(kind);
    CHECK(std::ranges::any_of(all, [](const Json& child) {
      return child["metadata"]["ownerReferences"].at(0)["uid"] == "uid-second";
    }));
  }
}

TEST_CASE("made again while a child of the first was collected unseen: the second does not wait for it") {
  Fixture f;
  f.api.deploy(Json::object());
  f.settle();
  f.api.deploy({{"replicas", 2}});
  f.api.blind(true);
  REQUIRE(f.reconcile());  // the caches never see what was made here
  f.api.take_away("pods", "m-1-0-0");
  f.api.blind(false);
  f.api.deployment_uid = "uid-second";
  f.api.deploy({{"replicas", 2}});
  f.api.forget_writes();
  (void)f.reconcile();
  CHECK_FALSE(f.api.writes().empty());
}

TEST_CASE(
    "the watches of Services and revisions are broken: what was made there is known, pods come and go") {
  Fixture f;
  f.api.deaf(true);
  f.api.deploy(Json::object());
  f.settle();
  f.api.deploy({{"runtime", {{"image", "engine:2"}}}});
  f.settle();
  REQUIRE(f.api.all("pods").size() == 1);
  CHECK(f.api.all("pods")[0]["spec"]["containers"][0]["image"] == "engine:2");
  const auto posts = [&f](const char* plural) {
    return std::ranges::count_if(f.api.requests(), [plural](const auto& request) {
      return request.method == kube::Method::kPost && request.target.find(plural) != std::string::npos;
    });
  };
  CHECK(posts("/controllerrevisions?") == 2);
  CHECK(posts("/services?") == 1);
}

TEST_CASE("a Service is taken away before any watch has shown it: it is made again after half a minute") {
  Fixture f;
  f.api.deaf(true);
  f.api.deploy({{"replicas", 0}});
  f.settle();
  f.api.take_away("services", "m");
  f.api.deaf(false);
  const auto action = f.reconcile();
  REQUIRE(action);
  REQUIRE(action->after > Millis{0});
  REQUIRE(action->after <= Millis{30'000});
  f.world.run_for(action->after);
  REQUIRE(f.reconcile());
  CHECK(f.names("services") == std::set<std::string>{"m"});
}

TEST_CASE("somebody else deletes a pod that is about to be deleted: what comes next does not wait for it") {
  Fixture f;
  f.api.deploy(Json::object());
  f.settle();
  f.api.deploy({{"replicas", 0}});
  f.api.delete_behind_status("m-0-0-0");
  REQUIRE(f.reconcile());
  f.api.deploy({{"replicas", 1}});
  f.api.forget_writes();
  REQUIRE(f.reconcile());
  CHECK_FALSE(f.api.writes().empty());
}

TEST_CASE("a Service or revision of ours was replaced by a namesake since it was seen: the patch misses it") {
  Fixture f;
  f.api.deploy(Json::object());
  f.settle();
  Json service = f.api.object("services", "m");
  service["spec"]["selector"] = {{"app", "x"}};
  f.api.add("services", "m", service);
  // The cache has the old object, the server a foreign one.
  f.api.object("services", "m")["metadata"]["uid"] = "foreign";
  const auto result = f.reconcile();
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::kConflict);
  CHECK(f.api.object("services", "m")["spec"]["selector"] == Json({{"app", "x"}}));
}
