#include "controllers/model_deployment/status.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "controllers/model_deployment/facts.h"
#include "world.h"

using namespace stowage;
using namespace stowage::model_deployment;
using namespace stowage::model_deployment::test;

namespace {

struct Story {
  Cluster cluster;
  api::ModelDeployment deployment;
  std::optional<Issue> issue;
  std::optional<Shape> shape;
  api::ModelDeploymentStatus before;

  explicit Story(int32_t target, int32_t size = 1) : cluster(target, size) {
    deployment.meta.name = "m";
    deployment.meta.generation = 7;
    deployment.spec.replicas = target;
  }
  api::ModelDeploymentStatus status() {
    const Plan plan = cluster.decide();
    StatusInput input{.deployment = deployment,
                      .plan = plan,
                      .now = cluster.world.now,
                      .target = cluster.world.target,
                      .update_revision = cluster.world.revision,
                      .issue = issue,
                      .shape = shape};
    before = make_status(input, before);
    return before;
  }
};

std::string of(const api::ModelDeploymentStatus& status, const char* type) {
  const auto* condition = status.condition(type);
  return condition == nullptr ? "absent" : condition->status + " " + condition->reason;
}

}  // namespace

TEST_CASE("all replicas ready and current: Ready, neither Reconciling nor Stalled") {
  Story story(2, 2);
  story.cluster.group(0, kNew).group(1, kNew);
  const auto status = story.status();
  CHECK(of(status, "Ready") == "True AllReplicasReady");
  CHECK(of(status, "Reconciling") == "absent");
  CHECK(of(status, "Stalled") == "absent");
  CHECK(of(status, "Placed") == "True AllPlaced");
  CHECK(of(status, "Available") == "True EnoughReplicas");
  CHECK(status.ready == "2/2");
  CHECK(status.placed == "2/2");
  CHECK(status.replicas == 2);
  CHECK(status.selector == "stowage.dev/deployment=m,stowage.dev/rank=0");
  CHECK(status.current_revision == kNew);
  CHECK(status.observed_generation == 7);
}

TEST_CASE("suspended and scaled to zero: Ready with the reason") {
  Story story(0);
  CHECK(of(story.status(), "Ready") == "True ScaledToZero");
  story.deployment.spec.suspend = true;
  CHECK(of(story.status(), "Ready") == "True Suspended");
  CHECK(of(story.status(), "Reconciling") == "absent");
}

TEST_CASE("the scheduler finds no room: WaitingForCapacity with its words, Reconciling, not Stalled") {
  Story story(1);
  story.deployment.spec.accelerator.products = {"NVIDIA-B300"};
  story.deployment.spec.placement.topology_level = "rack";
  story.shape = Shape{.nodes = 2, .per_node = 8};
  Member& pod = story.cluster.pod(0, 0, 0, 1, kNew);
  pod.fact.problem_reason = "Unschedulable";
  pod.fact.problem = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu";
  const auto status = story.status();
  CHECK(of(status, "Ready") == "False WaitingForCapacity");
  CHECK(of(status, "Placed") == "False Unschedulable");
  CHECK(status.condition("Placed")->message.find("3 Insufficient nvidia.com/gpu") != std::string::npos);
  CHECK(of(status, "Reconciling") == "True WaitingForCapacity");
  CHECK(status.condition("Placed")->message.starts_with(
      "replica 0 needs 2x8 NVIDIA-B300 in one rack: 0/3 nodes"));
  CHECK(of(status, "Stalled") == "absent");
  CHECK(status.placed == "0/1");
}

TEST_CASE("a rollout: RollingOut, and the old revision stays current until it is done") {
  Story story(1);
  story.before.current_revision = kOld;
  story.cluster.limits(1, 0).group(0, kOld);
  story.cluster.carry_out(story.cluster.decide());
  story.cluster.at(1).fact.node = "n";
  auto status = story.status();
  CHECK(of(status, "Ready") == "False RollingOut");
  CHECK(status.current_revision == kOld);
  CHECK(status.update_revision == kNew);
  CHECK(of(status, "Available") == "True EnoughReplicas");
  story.cluster.pass(std::chrono::minutes(31));
  status = story.status();
  CHECK(of(status, "Progressing") == "False ProgressDeadlineExceeded");
}

TEST_CASE("only an edit can help: Stalled with what to change, whatever runs") {
  Story story(1);
  story.cluster.group(0, kNew);
  story.issue = Issue{"UnknownRuntime", "there is no ModelRuntime \"x\""};
  auto status = story.status();
  CHECK(of(status, "Stalled") == "True UnknownRuntime");
  CHECK(of(status, "Ready") == "False UnknownRuntime");
  CHECK(of(status, "Accepted") == "False UnknownRuntime");
  CHECK(of(status, "Reconciling") == "absent");
  story.issue->stalled = false;
  status = story.status();
  CHECK(of(status, "Stalled") == "absent");
  CHECK(of(status, "Reconciling") == "True UnknownRuntime");
}

TEST_CASE("the restart budget is spent: Stalled") {
  Story story(1, 2);
  story.cluster.world.limits.budget_restarts = 0;
  story.cluster.group(0, kNew);
  story.cluster.fail(story.cluster.at(0, 0));
  const auto status = story.status();
  CHECK(of(status, "Stalled") == "True RestartBudgetSpent");
  CHECK(of(status, "Ready") == "False RestartBudgetSpent");
}

TEST_CASE("nothing changed but the time: the same status, transition times included") {
  Story story(2);
  story.cluster.group(0, kNew);
  story.cluster.pod(1, 0, 0, 1, kNew);
  const auto first = story.status();
  story.cluster.pass(std::chrono::minutes(5));
  CHECK(same_status(first, story.status()));
  story.cluster.all_ready();
  const auto ready = story.status();
  CHECK(ready.condition("Ready")->last_transition != first.condition("Ready")->last_transition);
  CHECK(ready.condition("Accepted")->last_transition == first.condition("Accepted")->last_transition);
}

TEST_CASE("a status that went to the API server and came back: equal to what was sent") {
  Story story(2, 2);
  story.cluster.group(0, kNew);
  story.cluster.world.attempts = {{0, 0, 1, story.cluster.world.now}};
  story.deployment.meta.uid = "u";
  const auto status = story.status();
  const auto back = api::decode_model_deployment(api::encode_status_apply(story.deployment.meta, status));
  REQUIRE(back);
  CHECK(back->meta.uid == "u");
  CHECK(same_status(back->status, status));
}

TEST_CASE("pods as the API server has them: what ended them is told apart") {
  const auto end = [](const std::string& status) {
    const auto fact = decode_pod_fact(
        R"({"metadata":{"name":"m-1-2-3","namespace":"a","labels":{"stowage.dev/deployment":"m",
      "stowage.dev/replica":"1","stowage.dev/attempt":"2","stowage.dev/rank":"3"},"annotations":{"stowage.dev/group-size":"4"}},
      "spec":{"nodeName":"n"},"status":)" +
        status + "}");
    REQUIRE(fact);
    CHECK(fact->is_member());
    CHECK(fact->group_size == 4);
    return fact->end;
  };
  CHECK(end(R"({"phase":"Running"})") == PodEnd::kNone);
  CHECK(end(R"({"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":1}}}]})") ==
        PodEnd::kOwn);
  CHECK(end(R"({"phase":"Succeeded"})") == PodEnd::kOwn);
  CHECK(end(R"({"phase":"Failed","reason":"Evicted","message":"low on memory"})") == PodEnd::kDisrupted);
  CHECK(end(R"({"phase":"Failed","conditions":[{"type":"DisruptionTarget","status":"True"}],
    "containerStatuses":[{"state":{"terminated":{"exitCode":137}}}]})") == PodEnd::kDisrupted);
  CHECK(end(R"({"phase":"Failed","reason":"OutOfnvidia.com/gpu","message":"Pod was rejected"})") ==
        PodEnd::kRejected);
  CHECK(end(R"({"phase":"Failed","reason":"UnexpectedAdmissionError"})") == PodEnd::kRejected);
}

TEST_CASE("labels that say what the pod's name does not, or numbers beyond reason: no member") {
  const auto fact = [](const char* replica, const char* attempt, const char* size) {
    const auto out = decode_pod_fact(fmt::format(
        R"({{"metadata":{{"name":"m-{0}-{1}-0","namespace":"a","labels":{{"stowage.dev/deployment":"m",)"
        R"("stowage.dev/replica":"{0}","stowage.dev/attempt":"{1}","stowage.dev/rank":"0"}},)"
        R"("annotations":{{"stowage.dev/group-size":"{2}"}}}}}})",
        replica, attempt, size));
    REQUIRE(out);
    return *out;
  };
  CHECK(fact("0", "0", "2").is_member());
  CHECK(fact("0", "1000000000", "2").is_member());
  CHECK_FALSE(fact("0", "2147483647", "2").is_member());
  CHECK_FALSE(fact("abc", "0", "2").is_member());
  // A loop over ranks must end.
  CHECK(fact("0", "0", "2147483647").group_size < 0);
  const auto moved = decode_pod_fact(R"({"metadata":{"name":"m-0-0-1","labels":{"stowage.dev/deployment":"m",
      "stowage.dev/replica":"0","stowage.dev/attempt":"5","stowage.dev/rank":"1"}}})");
  REQUIRE(moved);
  CHECK_FALSE(moved->is_member());
}

TEST_CASE("a pod alone crashes beyond its budget: Stalled, in words that stay while the kubelet goes on") {
  Story story(1);
  story.cluster.group(0, kNew);
  PodFact& fact = story.cluster.at(0).fact;
  const auto crashed = [&](const std::string& container) {
    const auto read =
        decode_pod_fact(R"({"metadata":{"name":"m-1-2-3","namespace":"a"},"spec":{"nodeName":"n"},"status":
      {"phase":"Running","containerStatuses":[)" +
                        container + "]}}");
    REQUIRE(read);
    fact.ready = read->ready;
    fact.failures = read->failures;
    fact.last_run = read->last_run;
    fact.last_failure = read->last_failure;
    fact.problem = read->problem;
    return story.status();
  };
  const std::string ended =
      R"({"terminated":{"exitCode":1,"reason":"Error","startedAt":"2026-01-01T00:00:00Z",
                                              "finishedAt":"2026-01-01T00:00:10Z"}})";
  CHECK(of(crashed(R"({"restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":)" +
                   ended + "}"),
           "Stalled") == "absent");
  const auto waiting = crashed(
      R"({"restartCount":5,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":)" + ended + "}");
  CHECK(of(waiting, "Stalled") == "True RestartBudgetSpent");
  CHECK(of(waiting, "Ready") == "False RestartBudgetSpent");
  CHECK(waiting.condition("Stalled")->message.ends_with("last failure: Error, exit code 1"));
  CHECK(same_status(waiting,
                    crashed(R"({"restartCount":6,"state":{"running":{}},"lastState":)" + ended + "}")));
  CHECK(same_status(waiting, crashed(R"({"restartCount":6,"state":)" + ended + "}")));
  CHECK(fact.failures == 7);
  CHECK(fact.last_run == Millis{10'000});
}
