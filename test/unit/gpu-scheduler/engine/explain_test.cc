#include <algorithm>

#include "test/support/would_fit.h"
#include "test/unit/gpu-scheduler/engine/world.h"

namespace stowage::engine {
namespace {

using namespace test;

/// Every `would fit if` is tried as it reads.
Explanation explain_now(ClusterState& state, const Demand& wanted) {
  auto budget = WorkBudget::unlimited();
  auto why = explain(state, wanted, Policy{}, budget);
  CHECK(false_promise(state, wanted, Policy{}, why).empty());
  return why;
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
  CHECK(says(why, "2 more of nvidia.com/gpu free on node a"));
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

TEST_CASE("devices and CPU are taken: room for one of them alone is not offered") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(4).cpu(10'000));
  REQUIRE(place_now(state, demand(state, gpu_pod(3, 9'000))).placed());
  auto why = explain_now(state, demand(state, gpu_pod(2, 2'000)));
  CHECK(why.would_fit_if ==
        std::vector<std::string>{"1 more of nvidia.com/gpu and 1 more of cpu free on node a"});
}

TEST_CASE("gang of which two pods find no place: the node would need room for both") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8));
  REQUIRE(place_now(state, demand(state, gpu_pod(3))).placed());
  REQUIRE(place_now(state, demand(state, gpu_pod(3))).placed());
  auto why = explain_now(state, demand(state, gpu_pod(2), 3));
  CHECK(says(why, "the gang had 1 pods instead of 3"));
  CHECK(says(why, "4 more of nvidia.com/gpu free on node a"));
}

TEST_CASE("gang of two classes: what helps one of its members alone is not offered") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8, "A100"));
  add(state, NodeBuilder("b"));
  PodClass trainer = gpu_pod(4);
  trainer.device.products = {"H100"};
  PodClass reader;
  reader.node_selector = {{"kubernetes.io/hostname", "nowhere"}};
  auto gang = demand(state, trainer);
  gang.parts.push_back({.pod_class = *state.intern(reader)});
  auto why = explain_now(state, gang);
  CHECK(why.would_fit_if ==
        std::vector<std::string>{
            "any accelerator product were permitted, and the node selector and node affinity were dropped"});
}

TEST_CASE("several things are needed: the sentence names those and no other") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8, "A100"));
  NodeBuilder tainted("b");
  tainted.spec.taints = {{.key = "team", .value = "x"}};
  add(state, std::move(tainted).gpus(8));
  auto pod = gpu_pod(2);
  pod.device.products = {"L4"};
  pod.tiers = {Tier::kSpot};
  auto why = explain_now(state, demand(state, pod));
  CHECK(why.would_fit_if ==
        std::vector<std::string>{
            "any accelerator product were permitted, and every capacity tier were permitted"});
}

TEST_CASE("a share finds no device: a whole one more would do, and no less is offered") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(1).shareable());
  REQUIRE(place_now(state, demand(state, share_pod(700))).placed());
  CHECK(explain_now(state, demand(state, share_pod(700))).would_fit_if ==
        std::vector<std::string>{"1 more of nvidia.com/gpu free on node a"});
}

TEST_CASE("a rule or a port is against the node: more room on it is not offered") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2));
  PodClass pod = gpu_pod(2);
  pod.host_ports = {{.port = 80}};
  REQUIRE(place_now(state, demand(state, pod)).placed());
  auto why = explain_now(state, demand(state, pod));
  CHECK(why.would_fit_if.empty());
  PodClass small = gpu_pod(0);
  small.device = {};
  small.host_ports = {{.port = 80}};
  CHECK(explain_now(state, demand(state, small)).would_fit_if ==
        std::vector<std::string>{"it asked for no host ports"});
}

TEST_CASE("nothing helps: no relaxation is claimed") {
  ClusterState state;
  add(state, NodeBuilder("a"));
  CHECK(explain_now(state, demand(state, gpu_pod(1))).would_fit_if.empty());
}

}  // namespace
}  // namespace stowage::engine
