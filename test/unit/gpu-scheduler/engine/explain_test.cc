#include <algorithm>

#include "test/unit/gpu-scheduler/engine/world.h"

namespace stowage::engine {
namespace {

using namespace test;

Explanation explain_now(ClusterState& state, const Demand& wanted) {
  auto budget = WorkBudget::unlimited();
  return explain(state, wanted, Policy{}, budget);
}

bool says(const Explanation& why, const std::string& sentence) {
  return std::ranges::find(why.would_fit_if, sentence) != why.would_fit_if.end();
}

TEST_CASE("GPUs are taken: says how many more on which node would do, and changes nothing") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8));
  REQUIRE(place_now(state, demand(state, gpu_pod(3))).placed());
  REQUIRE(place_now(state, demand(state, gpu_pod(3))).placed());
  auto wanted = demand(state, gpu_pod(4));
  auto before = state.digest();
  auto why = explain_now(state, wanted);
  CHECK(why.message == "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.");
  CHECK(says(why, "3 more of nvidia.com/gpu free on node a"));
  CHECK(state.digest() == before);
}

TEST_CASE("nearest node: lacks least of devices, and no filter but room is against it") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2));
  add(state, NodeBuilder("b").gpus(3));
  add(state, NodeBuilder("c").gpus(3, "L4"));
  PodClass pod = gpu_pod(4);
  CHECK(explain_now(state, demand(state, pod)).nearest_node == "b");
  pod.device.products = {"L4"};
  CHECK(explain_now(state, demand(state, pod)).nearest_node == "c");
  pod.device.products = {"H200"};
  CHECK(explain_now(state, demand(state, pod)).nearest_node.empty());
}

TEST_CASE("product that is not there: any product would do") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8, "A100"));
  auto pod = gpu_pod(1);
  pod.device.products = {"H100"};
  auto why = explain_now(state, demand(state, pod));
  CHECK(why.reason == "ProductNotPermitted");
  CHECK(says(why, "any accelerator product were permitted"));
}

TEST_CASE("rack too small: preferred would do, and so would a smaller gang") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8).rack("a"));
  add(state, NodeBuilder("b").gpus(8).rack("b"));
  auto why = explain_now(state, in_one(demand(state, gpu_pod(8), 2), "rack"));
  CHECK(why.nearest_domain_pods == 1);
  CHECK(says(why, "topology level rack were preferred instead of required"));
  CHECK(says(why, "the gang had 1 pods instead of 2"));
}

TEST_CASE("nothing helps: no relaxation is claimed") {
  ClusterState state;
  add(state, NodeBuilder("a"));
  CHECK(explain_now(state, demand(state, gpu_pod(1))).would_fit_if.empty());
}

}  // namespace
}  // namespace stowage::engine
