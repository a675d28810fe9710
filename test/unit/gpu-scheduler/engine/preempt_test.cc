#include "gpu-scheduler/engine/preempt.h"

#include <algorithm>

#include "test/unit/gpu-scheduler/engine/world.h"

namespace stowage::engine {
namespace {

using namespace test;

void run_pod(ClusterState& state, std::string uid, NodeIndex node, int gpus, int32_t priority,
             std::string group = "") {
  auto id = state.intern(gpu_pod(gpus));
  REQUIRE(state.add_pod({.uid = uid,
                         .name = uid,
                         .pod_class = *id,
                         .node = node,
                         .priority = priority,
                         .group = std::move(group)}));
}

Decision preempt_now(ClusterState& state, Demand wanted, int32_t priority) {
  wanted.priority = priority;
  auto budget = WorkBudget::unlimited();
  return preempt(state, wanted, Policy{}, budget);
}

std::vector<std::string> names(const Decision& decision) {
  std::vector<std::string> out;
  for (const auto& victim : decision.evictions)
    out.push_back(victim.uid);
  std::ranges::sort(out);
  return out;
}

TEST_CASE("lower priority on one node: the fewest and lowest leave, the state is untouched") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(4));
  run_pod(state, "low", a, 2, 1);
  run_pod(state, "mid", a, 2, 5);
  auto wanted = demand(state, gpu_pod(2));
  auto before = state.digest();
  auto decision = preempt_now(state, wanted, 10);
  CHECK(names(decision) == std::vector<std::string>{"low"});
  CHECK(decision.bindings.size() == 1);
  CHECK(state.digest() == before);
}

TEST_CASE("equal priority: nobody is evicted") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(2));
  run_pod(state, "same", a, 2, 10);
  CHECK(preempt_now(state, demand(state, gpu_pod(2)), 10).evictions.empty());
}

TEST_CASE("eviction would not make room: nobody is evicted") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(4));
  run_pod(state, "low", a, 2, 1);
  run_pod(state, "high", a, 2, 100);
  CHECK(preempt_now(state, demand(state, gpu_pod(4)), 10).evictions.empty());
}

TEST_CASE("victim of a gang: its whole gang leaves") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(2));
  auto b = add(state, NodeBuilder("b").gpus(2));
  run_pod(state, "g0", a, 2, 1, "ns/gang");
  run_pod(state, "g1", b, 2, 1, "ns/gang");
  CHECK(names(preempt_now(state, demand(state, gpu_pod(2)), 10)) == std::vector<std::string>{"g0", "g1"});
}

TEST_CASE("disruption budget of nothing: the covered pod stays, another leaves") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(2));
  auto b = add(state, NodeBuilder("b").gpus(2));
  auto id = state.intern(gpu_pod(2));
  state.set_budget("ns/pdb", 0);
  REQUIRE(state.add_pod({.uid = "kept", .pod_class = *id, .node = a, .priority = 1, .budgets = {"ns/pdb"}}));
  REQUIRE(state.add_pod({.uid = "free", .pod_class = *id, .node = b, .priority = 2}));
  CHECK(names(preempt_now(state, demand(state, gpu_pod(2)), 10)) == std::vector<std::string>{"free"});
}

TEST_CASE("victim of before: not evicted again until its cooldown ends, then it is") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2));
  auto victim = demand(state, gpu_pod(2), 1, "ns/victim");
  victim.protected_until = 100;
  REQUIRE(place_now(state, victim).placed());
  auto wanted = demand(state, gpu_pod(2), 1, "ns/urgent");
  wanted.priority = 10;
  auto budget = WorkBudget::unlimited();
  CHECK(preempt(state, wanted, Policy{}, budget, 99).evictions.empty());
  CHECK(preempt(state, wanted, Policy{}, budget, 100).evictions.size() == 1);
}

TEST_CASE("two pods of one node under one budget: both leave only when the budget allows two") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(4));
  auto id = state.intern(gpu_pod(2));
  for (const char* uid : {"first", "second"}) {
    REQUIRE(state.add_pod({.uid = uid, .pod_class = *id, .node = a, .priority = 1, .budgets = {"ns/pdb"}}));
  }
  state.set_budget("ns/pdb", 1);
  CHECK(preempt_now(state, demand(state, gpu_pod(4)), 10).evictions.empty());
  CHECK(preempt_now(state, demand(state, gpu_pod(2)), 10).evictions.size() == 1);
  state.set_budget("ns/pdb", 2);
  CHECK(preempt_now(state, demand(state, gpu_pod(4)), 10).evictions.size() == 2);
}

TEST_CASE("several victims: listed in the order in which they should leave, lowest priority first") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(4));
  run_pod(state, "middle", a, 2, 5);
  run_pod(state, "low", a, 2, 1);
  CHECK(names(preempt_now(state, demand(state, gpu_pod(4)), 10)) ==
        std::vector<std::string>{"low", "middle"});
}

TEST_CASE("equal nodes but for a gang: the pod that leaves alone is the victim") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(2));
  auto b = add(state, NodeBuilder("b").gpus(2));
  auto c = add(state, NodeBuilder("c").gpus(2));
  run_pod(state, "g0", a, 2, 1, "ns/gang");
  run_pod(state, "g1", b, 2, 1, "ns/gang");
  run_pod(state, "alone", c, 2, 1);
  CHECK(names(preempt_now(state, demand(state, gpu_pod(2)), 10)) == std::vector<std::string>{"alone"});
}

TEST_CASE("pod being deleted: no victim from that moment, and again one when that is undone") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(2));
  run_pod(state, "low", a, 2, 1);
  auto wanted = demand(state, gpu_pod(2));
  CHECK(preempt_now(state, wanted, 10).evictions.size() == 1);
  const auto before = state.digest();
  const auto point = state.checkpoint();
  REQUIRE(state.set_terminating("low"));
  CHECK(preempt_now(state, wanted, 10).evictions.empty());
  state.rollback(point);
  CHECK(state.digest() == before);
  CHECK(preempt_now(state, wanted, 10).evictions.size() == 1);
}

TEST_CASE("demand that fits as it is: bindings and no victim") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2));
  const auto plan = preempt_now(state, demand(state, gpu_pod(1)), 10);
  CHECK(plan.placed());
  CHECK(plan.evictions.empty());
}

TEST_CASE("gang in one rack: the evicted pods are those whose rack then holds it") {
  ClusterState state;
  auto a1 = add(state, NodeBuilder("a1").gpus(8).rack("a"));
  add(state, NodeBuilder("a2").gpus(8).rack("a"));
  auto b1 = add(state, NodeBuilder("b1").gpus(8).rack("b"));
  run_pod(state, "a", a1, 8, 2);
  run_pod(state, "b", b1, 8, 1);
  auto decision = preempt_now(state, in_one(demand(state, gpu_pod(8), 2), "rack"), 10);
  CHECK(names(decision) == std::vector<std::string>{"a"});
  CHECK(decision.bindings.size() == 2);
}

}  // namespace
}  // namespace stowage::engine
