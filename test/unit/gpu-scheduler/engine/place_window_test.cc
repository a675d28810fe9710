#include "gpu-scheduler/engine/place_window.h"

#include "test/unit/gpu-scheduler/engine/world.h"

namespace stowage::engine {
namespace {

using namespace test;

std::vector<Decision> window_of(ClusterState& state, const std::vector<Demand>& demands,
                                const Window& window = {}) {
  auto budget = WorkBudget::unlimited();
  auto decisions = place_window(state, demands, Policy{}, window, budget);
  REQUIRE(decisions);
  REQUIRE(decisions->size() == demands.size());
  return *std::move(decisions);
}

TEST_CASE("small before large in the queue, nothing held: the large one gets the last whole node") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8));
  auto decisions = window_of(state, {demand(state, gpu_pod(1)), demand(state, gpu_pod(8))});
  CHECK_FALSE(decisions[0].placed());
  CHECK(decisions[1].placed());
}

TEST_CASE("higher priority behind a larger demand: the higher priority is placed first") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8));
  auto urgent = demand(state, gpu_pod(1));
  urgent.priority = 5;
  auto decisions = window_of(state, {demand(state, gpu_pod(8)), urgent});
  CHECK_FALSE(decisions[0].placed());
  CHECK(decisions[1].placed());
}

TEST_CASE("equal demands and room for one: the older is placed") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(1));
  auto young = demand(state, gpu_pod(1));
  young.arrival = 2;
  auto old = demand(state, gpu_pod(1));
  old.arrival = 1;
  auto decisions = window_of(state, {young, old}, {.now = 2});
  CHECK_FALSE(decisions[0].placed());
  CHECK(decisions[1].placed());
}

TEST_CASE("young share and only idle devices: held, and the state stays as it was") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2).shareable());
  auto share = demand(state, share_pod(500));
  auto before = state.digest();
  auto decisions = window_of(state, {share}, {.now = 0, .hold = 10});
  CHECK_FALSE(decisions[0].placed());
  CHECK(decisions[0].why.reason == "Held");
  CHECK(state.digest() == before);
}

TEST_CASE("share at the end of its hold and only idle devices: placed") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2).shareable());
  CHECK(window_of(state, {demand(state, share_pod(500))}, {.now = 10, .hold = 10})[0].placed());
}

TEST_CASE("young share and a hole that no typical pod could use: placed at once") {
  ClusterState state;
  auto a = add(state, NodeBuilder("a").cpu(1500).gpus(2).shareable());
  auto half = state.intern(share_pod(500));
  REQUIRE(state.add_pod({.uid = "half", .pod_class = *half, .node = a}));
  auto decisions = window_of(state, {demand(state, share_pod(500, 500))}, {.now = 0, .hold = 10});
  REQUIRE(decisions[0].placed());
  CHECK(decisions[0].bindings[0].devices == 1);
}

TEST_CASE("young share with a topology wish: not held") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2).shareable().rack("r"));
  auto wanted = in_one(demand(state, share_pod(500)), "rack");
  CHECK(window_of(state, {wanted}, {.now = 0, .hold = 10})[0].placed());
}

TEST_CASE("whole-device demand among held shares: it goes first") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(1).shareable());
  auto decisions =
      window_of(state, {demand(state, share_pod(500)), demand(state, gpu_pod(1))}, {.now = 0, .hold = 10});
  CHECK(decisions[0].why.reason == "Held");
  CHECK(decisions[1].placed());
}

TEST_CASE("invalid demand in a window: it says why, the others are placed") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(1));
  auto wrong = demand(state, gpu_pod(1));
  wrong.parts[0].count = -1;
  auto decisions = window_of(state, {wrong, demand(state, gpu_pod(1))}, {.now = 0, .hold = 10});
  CHECK(decisions[0].why.reason == "InvalidDemand");
  CHECK(decisions[1].placed());
}

TEST_CASE("negative hold: a typed error, nothing placed") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(1));
  auto before = state.digest();
  auto budget = WorkBudget::unlimited();
  std::vector<Demand> demands{demand(state, gpu_pod(1))};
  auto decisions = place_window(state, demands, Policy{}, {.now = 0, .hold = -1}, budget);
  REQUIRE_FALSE(decisions);
  CHECK(decisions.error().code == Code::kInvalidArgument);
  CHECK(state.digest() == before);
}

}  // namespace
}  // namespace stowage::engine
