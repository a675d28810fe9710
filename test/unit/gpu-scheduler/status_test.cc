#include <catch2/catch.hpp>

#include "gpu-scheduler/capacity_pools.h"
#include "gpu-scheduler/placement_status.h"
#include "gpu-scheduler/pod_condition.h"
#include "gpu-scheduler/policies.h"
#include "gpu-scheduler/policy_status.h"
#include "world.h"

using namespace stowage;
using namespace stowage::scheduler;
using std::chrono::seconds;
using stowage::test::make_node;
using stowage::test::make_pod;

namespace {

const MonoTime kStart = MonoTime{} + seconds(1000);

Pending pending(std::string reason, std::string message) {
  Pending out;
  out.reason = std::move(reason);
  out.message = std::move(message);
  return out;
}

}  // namespace

TEST_CASE("first time a pod waits: condition and event") {
  PodConditions conditions;
  const auto step = conditions.next(make_pod("p").pod, pending("A", "0/1 nodes \"x\""), kStart, WallTime{});
  CHECK(step.event);
  CHECK(
      step.patch ==
      R"({"metadata":{"uid":"uid-p"},"status":{"conditions":[{"type":"PodScheduled","status":"False",)"
      R"("reason":"Unschedulable","message":"0/1 nodes \"x\"","lastTransitionTime":"1970-01-01T00:00:00Z"}]}})");
}

TEST_CASE("same message again: nothing is written") {
  PodConditions conditions;
  const auto pod = make_pod("p").pod;
  conditions.next(pod, pending("A", "m"), kStart, {});
  const auto step = conditions.next(pod, pending("A", "m"), kStart + seconds(100), {});
  CHECK(step.patch.empty());
  CHECK_FALSE(step.look_again.has_value());
}

TEST_CASE("detail changes: written after 30 s without an event; the reason changes: at once with one") {
  PodConditions conditions;
  const auto pod = make_pod("p").pod;
  conditions.next(pod, pending("A", "m1"), kStart, {});
  const auto early = conditions.next(pod, pending("A", "m2"), kStart + seconds(10), {});
  CHECK(early.patch.empty());
  CHECK(early.look_again == Millis{20'000});
  const auto late = conditions.next(pod, pending("A", "m2"), kStart + seconds(30), {});
  CHECK_FALSE(late.patch.empty());
  CHECK_FALSE(late.event);
  const auto other = conditions.next(pod, pending("B", "m3"), kStart + seconds(31), {});
  CHECK_FALSE(other.patch.empty());
  CHECK(other.event);
}

TEST_CASE("a predecessor wrote the same: a new leader writes nothing") {
  PodConditions conditions;
  auto pod = make_pod("p").pod;
  pod.status.conditions.push_back(
      {.type = "PodScheduled", .status = "False", .reason = "Unschedulable", .message = "m"});
  CHECK(conditions.next(pod, pending("A", "m"), kStart, {}).patch.empty());
}

TEST_CASE("placement status: placed and waiting replicas, in order, with what was found out") {
  Pending waits = pending("InsufficientResource", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.");
  waits.why.evaluated = 3;
  waits.why.counts.push_back({.text = "Insufficient nvidia.com/gpu", .nodes = 3, .example = "n1"});
  waits.why.would_fit_if = {"2 GPUs freed on node n1"};
  const std::vector<ReplicaPlacement> replicas{
      {.replica = 0,
       .placed = true,
       .nodes = {"n1", "n2"},
       .devices = 16,
       .domain = "r1",
       .tier = "Spot",
       .score = 7},
      {.replica = 1, .pending = &waits, .wants = "2x8 nvidia.com/gpu in one rack"}};
  const PlacementStatus status = build_placement(4, replicas, "");
  CHECK(json_hash(status.json) == json_hash(R"({"observedGeneration":4,
    "summary":"1/2 replicas placed: 1 waits for 2x8 nvidia.com/gpu in one rack",
    "pending":[{"replica":1,"reason":"InsufficientResource",
      "message":"0/3 nodes are available: 3 Insufficient nvidia.com/gpu.","since":"1970-01-01T00:00:00Z",
      "candidates":{"evaluated":3,"feasible":0},
      "rejections":[{"reason":"Insufficient nvidia.com/gpu","nodes":3,"example":"n1"}],
      "wouldFitIf":["2 GPUs freed on node n1"]}],
    "placements":[{"replica":0,"nodes":["n1","n2"],"devices":16,"domain":"r1","tier":"Spot","score":7}]})"));
}

TEST_CASE("placement status: detail alone leaves the signature, a reason or a node changes it") {
  Pending waits = pending("A", "m1");
  std::vector<ReplicaPlacement> replicas{{.replica = 0, .pending = &waits, .wants = "x"}};
  const auto first = build_placement(1, replicas, "");
  waits.message = "m2";
  CHECK(build_placement(1, replicas, "").signature == first.signature);
  waits.reason = "B";
  CHECK(build_placement(1, replicas, "").signature != first.signature);
  CHECK(build_placement(2, replicas, "").signature != first.signature);
}

TEST_CASE("a successor does not know the score: it keeps the one it finds while the nodes are the same") {
  const std::vector<ReplicaPlacement> replicas{{.replica = 0, .placed = true, .nodes = {"n1"}}};
  const std::string live = R"({"placements":[{"replica":0,"nodes":["n1"],"score":9}]})";
  CHECK_THAT(build_placement(1, replicas, live).json, Catch::Contains("\"score\":9"));
  const std::vector<ReplicaPlacement> moved{{.replica = 0, .placed = true, .nodes = {"n2"}}};
  CHECK_THAT(build_placement(1, moved, live).json, !Catch::Contains("score"));
}

TEST_CASE("more replicas than the schema lists: capped at 50") {
  std::vector<ReplicaPlacement> replicas;
  replicas.reserve(80);
  for (int i = 0; i < 80; ++i)
    replicas.push_back({.replica = i, .placed = true, .nodes = {"n"}});
  const auto status = build_placement(1, replicas, "");
  CHECK_THAT(status.json, Catch::Contains("\"replica\":49") && !Catch::Contains("\"replica\":50"));
  CHECK_THAT(status.json, Catch::Contains("80/80 replicas placed"));
}

TEST_CASE("two pools match a node: the first by name wins, both overlap") {
  const auto pool = [](std::string name, std::string type, int64_t price) {
    auto out = std::make_shared<PoolObject>();
    out->meta.name = std::move(name);
    out->type = std::move(type);
    out->node_selector = {{"pool", "x"}};
    out->price_micro = {{"H100", price}};
    return out;
  };
  const CapacityPools pools({pool("b", "Spot", 5), pool("a", "Reserved", 7)});
  const auto node = make_node("n").gpus(8).label("pool", "x");
  const auto capacity = pools.of(to_node_spec(node.node, nullptr));
  REQUIRE(capacity.has_value());
  CHECK(capacity->tier == engine::Tier::kReserved);
  CHECK(capacity->price_micro == 7);
  CHECK_FALSE(pools.of(to_node_spec(make_node("m").node, nullptr)).has_value());
  ClusterCache cache("stowage", {});
  cache.node_changed(nullptr, node.ref());
  CHECK(pools.overlaps(cache.state()) == std::map<std::string, std::string>{{"a", "b"}, {"b", "a"}});
}

TEST_CASE("pools come and go after the nodes: tier and price follow, without them the node's labels tell") {
  ClusterCache cache("stowage", {});
  cache.node_changed(
      nullptr, make_node("n").gpus(8).label("pool", "x").label("node.kubernetes.io/lifecycle", "spot").ref());
  const auto spec = [&cache] { return *cache.state().node(*cache.state().find_node("n")).spec; };
  CHECK(spec().tier == engine::Tier::kSpot);
  auto pool = std::make_shared<PoolObject>();
  pool->meta.name = "a";
  pool->type = "Reserved";
  pool->node_selector = {{"pool", "x"}};
  pool->price_micro = {{"H100", 7}};
  CHECK(cache.pools_changed(CapacityPools({pool})) != 0);
  CHECK(spec().tier == engine::Tier::kReserved);
  CHECK(spec().price_micro == 7);
  CHECK(cache.pools_changed(CapacityPools({pool})) == 0);
  cache.pools_changed(CapacityPools());
  CHECK(spec().tier == engine::Tier::kSpot);
  CHECK(spec().price_micro == 0);
}

TEST_CASE("SchedulingPolicy and CapacityPool objects: are read, prices exactly") {
  const auto policy = decode_policy(
      R"({"metadata":{"name":"p"},"spec":{"strategy":"FGD","score":{"cost":2.5,"spread":3},
"topologyLevels":[{"name":"rack","labels":["a","b"]}]},"status":{"x":1}})");
  REQUIRE(policy.has_value());
  CHECK(policy->config.strategy == "FGD");
  CHECK(policy->config.cost == 2.5);
  CHECK(policy->config.spread == 3);
  REQUIRE(policy->levels.size() == 1);
  CHECK(policy->levels[0].labels == std::vector<std::string>{"a", "b"});
  CHECK(json_hash(policy->status) == json_hash(R"({"x":1})"));
  const auto pool = decode_pool(R"({"metadata":{"name":"p"},"spec":{"type":"Spot","nodeSelector":{"a":"b"},
                                    "price":{"H100":"2.49","*":"0.000001"}}})");
  REQUIRE(pool.has_value());
  CHECK(pool->price_micro == std::map<std::string, int64_t, std::less<>>{{"*", 1}, {"H100", 2'490'000}});
  CHECK_FALSE(parse_price_micro("-1").has_value());
  CHECK_FALSE(parse_price_micro("").has_value());
}

TEST_CASE("policy that is not valid: the defaults are in force and the problem is told") {
  auto object = std::make_shared<PolicyObject>();
  object->meta.name = "p";
  object->config.strategy = "Magic";
  const Policies policies({object});
  REQUIRE(policies.find("p") != nullptr);
  CHECK_THAT(policies.find("p")->problem, Catch::Contains("Magic"));
  REQUIRE(policies.find("default") != nullptr);
  CHECK(policies.find("default")->problem.empty());
  CHECK(policies.find("none") == nullptr);
  CHECK_FALSE(policies.levels().empty());
}

TEST_CASE(
    "policy with gang.timeout: in force from 1s to 24h, else the defaults are and the problem is told") {
  const auto active = [](const std::string& timeout) {
    auto object = decode_policy(R"({"metadata":{"name":"p"},"spec":{"strategy":"FGD","gang":{"timeout":")" +
                                timeout + R"("}}})");
    REQUIRE(object);
    return *Policies({std::make_shared<const PolicyObject>(*std::move(object))}).find("p");
  };
  CHECK(active("90s").gang_timeout == Millis{90'000});
  CHECK(active("90s").problem.empty());
  CHECK(active("90s").hash != active("91s").hash);
  for (const char* wrong : {"0s", "25h", "soon"}) {
    const ActivePolicy policy = active(wrong);
    CHECK(policy.gang_timeout == Millis{600'000});
    CHECK(policy.policy.strategy == engine::Policy{}.strategy);
    CHECK_THAT(policy.problem, Catch::StartsWith("gang.timeout: must be from 1s to 24h"));
  }
}

TEST_CASE("policy status: capacity by level, counts on top of a predecessor's, nothing to write when equal") {
  ClusterCache cache("stowage", {});
  cache.node_changed(nullptr, make_node("a").gpus(8).label("network.topology.nvidia.com/leaf", "r").ref());
  cache.node_changed(nullptr, make_node("b").gpus(4).label("network.topology.nvidia.com/leaf", "r").ref());
  const auto room = shape_capacity(cache.state());
  const auto rack = std::ranges::find(room, "rack", &LevelRoom::level);
  REQUIRE(rack != room.end());
  CHECK(*rack == LevelRoom{"rack", 12, 6, 3, 1});
  const auto host = std::ranges::find(room, "host", &LevelRoom::level);
  REQUIRE(host != room.end());
  CHECK(*host == LevelRoom{"host", 12, 6, 3, 1});

  PolicyObject object;
  object.meta.generation = 3;
  object.status = R"({"decisions":{"placed":10,"unschedulable":1}})";
  const ActivePolicy active{.hash = "h"};
  const auto first = next_policy_status(object, active, {.placed = 5}, room, object.status, WallTime{});
  REQUIRE(first.has_value());
  CHECK_THAT(*first, Catch::Contains("\"placed\":15") && Catch::Contains("\"configHash\":\"h\""));
  const std::string base = std::exchange(object.status, *first);
  CHECK_FALSE(
      next_policy_status(object, active, {.placed = 5}, room, base, WallTime{} + seconds(60)).has_value());
  CHECK(next_policy_status(object, active, {.placed = 6}, room, base, WallTime{}).has_value());
}

TEST_CASE("pool status: counts the nodes it wins, tells of overlap, keeps the transition time") {
  ClusterCache cache("stowage", {});
  auto pool = std::make_shared<PoolObject>();
  pool->meta.name = "a";
  pool->type = "Spot";
  pool->node_selector = {{"pool", "x"}};
  cache.node_changed(nullptr, make_node("n").gpus(8).label("pool", "x").ref());
  cache.node_changed(nullptr, make_node("m").gpus(8).ref());
  cache.pools_changed(CapacityPools({pool}));
  const auto first = next_pool_status(*pool, cache, "b", WallTime{});
  REQUIRE(first.has_value());
  CHECK_THAT(*first, Catch::Contains(R"("devices":{"free":8,"total":8})") &&
                         Catch::Contains(R"("nodes":1)") && Catch::Contains(R"("status":"True")"));
  pool->status = *first;
  CHECK_FALSE(next_pool_status(*pool, cache, "b", WallTime{} + seconds(60)).has_value());
  CHECK(next_pool_status(*pool, cache, "", WallTime{} + seconds(60)).has_value());
}

TEST_CASE("a successor finds the same reason: the wait began when the first leader found it") {
  Pending waits = pending("A", "m");
  waits.since = WallTime{} + seconds(100);
  const std::vector<ReplicaPlacement> replicas{{.replica = 0, .pending = &waits, .wants = "x"}};
  const std::string live = R"({"pending":[{"replica":0,"reason":"A","since":"1970-01-01T00:00:07Z"}]})";
  CHECK_THAT(build_placement(1, replicas, live).json, Catch::Contains("1970-01-01T00:00:07Z"));
  waits.reason = "B";
  CHECK_THAT(build_placement(1, replicas, live).json, Catch::Contains("1970-01-01T00:01:40Z"));
}
