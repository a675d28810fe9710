#include "gpu-scheduler/engine/pool_prices.h"

#include <set>

#include "test/unit/gpu-scheduler/engine/world.h"

/// Who needs a node most: prices of scarce kinds, and of what a pod takes from an empty node.
namespace stowage::engine {
namespace {

using namespace test;

Policy with_demand(std::vector<TypicalPod> pods) {
  auto model = DemandModel::build(std::move(pods));
  REQUIRE(model);
  Policy policy;
  policy.model = *model;
  return policy;
}

/// Few pods want eight devices and much CPU; most want one device.
Policy few_want_much() {
  return with_demand(
      {{.cpu_milli = 8000, .count = 1, .weight = 60}, {.cpu_milli = 120'000, .count = 8, .weight = 1}});
}

TEST_CASE("nodes alike in product, devices and about in CPU: one kind; other amounts: other kinds") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(8).cpu(96'000));
  auto b = add(state, NodeBuilder("b").gpus(8).cpu(95'500));
  auto c = add(state, NodeBuilder("c").gpus(8).cpu(128'000));
  auto d = add(state, NodeBuilder("d").gpus(4).cpu(96'000));
  auto e = add(state, NodeBuilder("e").cpu(96'000));
  auto f = add(state, NodeBuilder("f").cpu(8'000));
  const NodeKinds kinds(state);
  CHECK(kinds.of(a) == kinds.of(b));
  CHECK(kinds.kinds()[kinds.of(a)].cpu_milli == 96'000);
  CHECK(kinds.of(e) == kinds.of(f));
  CHECK(std::set{kinds.of(a), kinds.of(c), kinds.of(d), kinds.of(e)}.size() == 4);
}

TEST_CASE("more than 64 kinds: the rest joins, nothing is left out") {
  ClusterState state;
  std::vector<NodeIndex> nodes;
  for (int i = 0; i < 100; ++i)
    nodes.push_back(add(state, NodeBuilder("n" + std::to_string(i)).gpus(1, "P" + std::to_string(i))));
  const NodeKinds kinds(state);
  CHECK(kinds.kinds().size() == NodeKinds::kMost);
  for (NodeIndex node : nodes)
    CHECK(kinds.of(node) < NodeKinds::kMost);
  CHECK(place_now(state, demand(state, gpu_pod(1))).placed());
}

TEST_CASE(
    "a kind that alone can hold some of the demand: scarce, and more so as it fills; the others are not") {
  ClusterState state;
  auto large = add(state, NodeBuilder("large").gpus(8).cpu(128'000));
  auto plain = add(state, NodeBuilder("plain").gpus(8).cpu(96'000));
  auto policy = few_want_much();
  const NodeKinds kinds(state);
  PoolPrices prices;
  prices.update(state, kinds, *policy.model);
  auto before = prices.scarcity(kinds.of(large));
  CHECK(before > 0);
  CHECK(prices.scarcity(kinds.of(plain)) == 0);
  auto pod = state.intern(gpu_pod(4));
  REQUIRE(pod);
  REQUIRE(state.add_pod({.pod_class = *pod, .node = large}));
  prices.update(state, kinds, *policy.model);
  CHECK(prices.scarcity(kinds.of(large)) > before);
}

TEST_CASE("a pod of one device: it leaves the node that alone can hold a larger pod, whatever the names") {
  for (const char* large : {"a", "z"}) {
    ClusterState state;
    add(state, NodeBuilder(large).gpus(8).cpu(128'000));
    auto plain = add(state, NodeBuilder("m").gpus(8).cpu(96'000));
    auto decision = place_now(state, demand(state, gpu_pod(1, 8000)), few_want_much());
    REQUIRE(decision.placed());
    CHECK(decision.bindings[0].node == plain);
  }
}

TEST_CASE("a pod without devices: it goes where CPU is to spare, also when no device is free now") {
  for (const char* rich : {"a", "z"}) {
    ClusterState state;
    auto spare = add(state, NodeBuilder(rich).gpus(2).cpu(96'000));
    auto tight = add(state, NodeBuilder("m").gpus(8).cpu(96'000));
    auto policy = with_demand({{.cpu_milli = 12'000, .count = 1, .weight = 1}});
    auto two = state.intern(gpu_pod(2));
    auto eight = state.intern(gpu_pod(8));
    REQUIRE(two);
    REQUIRE(eight);
    REQUIRE(state.add_pod({.pod_class = *two, .node = spare}));
    REQUIRE(state.add_pod({.pod_class = *eight, .node = tight}));
    PodClass web;
    web.requests.cpu_milli = 20'000;
    auto decision = place_now(state, demand(state, web), policy);
    REQUIRE(decision.placed());
    CHECK(decision.bindings[0].node == spare);
  }
}

}  // namespace
}  // namespace stowage::engine
