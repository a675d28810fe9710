#include "gpu-scheduler/engine/spread_index.h"

#include <set>

#include "base/random.h"
#include "gpu-scheduler/engine/transaction.h"
#include "test/unit/gpu-scheduler/engine/world.h"

/// Gangs kept apart: a rule that holds, counted in gangs.
namespace stowage::engine {
namespace {

using namespace test;

Demand replica(ClusterState& state, const PodClass& pod, int count, const std::string& name, int skew = 1) {
  auto out = demand(state, pod, count, name);
  out.spread = {"zone", skew};
  out.spread_key = "ns/deployment";
  return out;
}

std::string zone_of(const ClusterState& state, NodeIndex node) {
  return state.node(node).spec->labels.at("topology.kubernetes.io/zone");
}

TEST_CASE(
    "maxSkew 1 over two zones, one of them full: the second replica goes to the other, the third waits") {
  ClusterState state;
  add(state, NodeBuilder("a1").gpus(1).zone("z1"));
  add(state, NodeBuilder("b1").gpus(8).zone("z2"));
  auto one = place_now(state, replica(state, gpu_pod(1), 1, "ns/one"));
  auto two = place_now(state, replica(state, gpu_pod(1), 1, "ns/two"));
  REQUIRE(one.placed());
  REQUIRE(two.placed());
  CHECK(zone_of(state, one.bindings[0].node) != zone_of(state, two.bindings[0].node));
  const auto third = place_now(state, replica(state, gpu_pod(1), 1, "ns/three"));
  REQUIRE(third.placed());
  CHECK(zone_of(state, third.bindings[0].node) == "z2");
  const auto before = state.digest();
  const auto fourth = place_now(state, replica(state, gpu_pod(1), 1, "ns/four"));
  CHECK_FALSE(fourth.placed());
  CHECK(state.digest() == before);
  CHECK(fourth.why.reason == "GangSpread");
  CHECK(fourth.why.message.starts_with(
      "spread over zone with maxSkew 1 leaves z1 (least gangs in one that could "
      "hold it: 1), and there: "));
  CHECK(place_now(state, replica(state, gpu_pod(1), 1, "ns/four", 2)).placed());
}

TEST_CASE("a zone that could never hold the replica: no replica is missing there") {
  ClusterState state;
  add(state, NodeBuilder("a1").gpus(8).zone("z1"));
  add(state, NodeBuilder("b1").gpus(8).zone("z2"));
  add(state, NodeBuilder("c1").gpus(2).zone("z3"));
  auto cordoned = NodeBuilder("d1").gpus(8).zone("z4");
  cordoned.spec.unschedulable = true;
  add(state, std::move(cordoned));
  for (const char* name : {"ns/1", "ns/2", "ns/3", "ns/4"})
    CHECK(place_now(state, replica(state, gpu_pod(4), 1, name)).placed());
}

TEST_CASE("a zone with enough nodes, but none of its racks holds the replica: it does not count") {
  ClusterState state;
  for (const char* name : {"a1", "a2"})
    add(state, NodeBuilder(name).gpus(8).zone("z1").rack("r1"));
  add(state, NodeBuilder("b1").gpus(8).zone("z2").rack("r2"));
  add(state, NodeBuilder("b2").gpus(8).zone("z2").rack("r3"));
  for (const char* name : {"ns/1", "ns/2"})
    CHECK(place_now(state, in_one(replica(state, gpu_pod(4), 2, name), "rack")).placed());
}

TEST_CASE("a replica of several pods counts once, terminating ones and other deployments not at all") {
  ClusterState state;
  auto a1 = add(state, NodeBuilder("a1").gpus(8).zone("z1"));
  add(state, NodeBuilder("b1").gpus(8).zone("z2"));
  auto id = state.intern(gpu_pod(1));
  for (const char* uid : {"1", "2"})
    REQUIRE(state.add_pod(
        {.uid = uid, .pod_class = *id, .node = a1, .group = "ns/gone", .spread_key = "ns/deployment"}));
  REQUIRE(
      state.add_pod({.uid = "3", .pod_class = *id, .node = a1, .group = "ns/x", .spread_key = "ns/other"}));
  auto first = place_now(state, replica(state, gpu_pod(1), 2, "ns/one"));
  REQUIRE(first.placed());
  CHECK(zone_of(state, first.bindings[0].node) == "z2");
  CHECK(state.set_terminating("1"));
  CHECK(state.set_terminating("2"));
  auto second = place_now(state, replica(state, gpu_pod(1), 2, "ns/two"));
  REQUIRE(second.placed());
  CHECK(zone_of(state, second.bindings[0].node) == "z1");
}

TEST_CASE("members are bound already: the rest joins them, whatever the counts") {
  ClusterState state;
  auto a1 = add(state, NodeBuilder("a1").gpus(8).zone("z1"));
  add(state, NodeBuilder("b1").gpus(8).zone("z2"));
  REQUIRE(place_now(state, replica(state, gpu_pod(1), 1, "ns/x", 5)).placed());
  auto id = state.intern(gpu_pod(1));
  REQUIRE(state.add_pod(
      {.uid = "m", .pod_class = *id, .node = a1, .group = "ns/one", .spread_key = "ns/deployment"}));
  auto rest = replica(state, gpu_pod(1), 1, "ns/one");
  rest.joined = {a1};
  const auto decision = place_now(state, rest);
  REQUIRE(decision.placed());
  CHECK(decision.bindings[0].node == a1);
}

TEST_CASE("a replica wider than a zone: in those that may take one; nodes without the label take none") {
  ClusterState state;
  add(state, NodeBuilder("a1").gpus(2).zone("z1"));
  add(state, NodeBuilder("b1").gpus(2).zone("z2"));
  add(state, NodeBuilder("n1").gpus(8));
  const auto first = place_now(state, replica(state, gpu_pod(1), 3, "ns/one"));
  REQUIRE(first.placed());
  std::set<std::string> zones;
  for (const auto& binding : first.bindings)
    zones.insert(zone_of(state, binding.node));
  CHECK(zones.size() == 2);
  CHECK_FALSE(place_now(state, replica(state, gpu_pod(1), 2, "ns/two")).placed());
}

TEST_CASE("no node carries the level: refused by name; a skew below 1 is no demand") {
  ClusterState state;
  add(state, NodeBuilder("a1").gpus(2));
  const auto decision = place_now(state, replica(state, gpu_pod(1), 1, "ns/one"));
  CHECK(decision.why.reason == "UnknownDomain");
  CHECK(place_now(state, replica(state, gpu_pod(1), 1, "ns/one", 0)).why.reason == "InvalidDemand");
}

/// The index, built anew from the pods.
SpreadIndex recounted(const ClusterState& state) {
  SpreadIndex out;
  for (PodIndex pod = 0; pod < state.pod_limit(); ++pod) {
    if (state.has_pod(pod)) out.pod_changed(pod, state.pod(pod), 1);
  }
  return out;
}

TEST_CASE("random events, rollbacks and forks: the index is what the pods say") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    ClusterState state;
    for (int i = 0; i < 6; ++i)
      add(state, NodeBuilder("n" + std::to_string(i)).gpus(4).zone("z" + std::to_string(i % 3)));
    auto id = state.intern(gpu_pod(1));
    auto event = [&](int number) {
      const auto pod = static_cast<PodIndex>(random.below(state.pod_limit() + 1));
      if (random.below(3) == 0 && state.has_pod(pod)) return state.remove_pod(pod);
      if (random.below(4) == 0 && state.has_pod(pod)) {
        state.set_terminating(state.pod(pod).uid);
        return;
      }
      const auto group = random.below(4);
      REQUIRE(
          state.add_pod({.uid = std::to_string(number),
                         .pod_class = *id,
                         .node = static_cast<NodeIndex>(random.below(6)),
                         .group = group == 0 ? "" : "g" + std::to_string(group),
                         .spread_key = random.below(4) == 0 ? "" : "k" + std::to_string(random.below(2))}));
    };
    for (int i = 0; i < 120; ++i) {
      ClusterState twin = state.fork();
      const SpreadIndex before = state.spread_index();
      {
        Transaction transaction(state);
        for (int j = 0; j < 4; ++j)
          event(10'000 + 4 * i + j);
        CHECK(state.spread_index() == recounted(state));
      }
      CHECK(state.spread_index() == before);
      event(i);
      REQUIRE(state.spread_index() == recounted(state));
      REQUIRE(twin.spread_index() == before);
    }
  }
}

}  // namespace
}  // namespace stowage::engine
