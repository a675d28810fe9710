#include "gpu-scheduler/engine/place.h"

#include <set>

#include "test/unit/gpu-scheduler/engine/world.h"

namespace stowage::engine {
namespace {

using namespace test;

TEST_CASE("one pod and a free GPU: it is bound with its device") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2));
  auto decision = place_now(state, demand(state, gpu_pod(1)));
  REQUIRE(decision.placed());
  CHECK(state.node_name(decision.bindings[0].node) == "a");
  CHECK(decision.bindings[0].devices == 1);
  CHECK(state.node(decision.bindings[0].node).device_free == std::vector<int16_t>{0, 1000});
}

TEST_CASE("gang of 4 on 3 free GPUs: nothing is placed and the state is untouched") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2));
  add(state, NodeBuilder("b").gpus(1));
  auto gang = demand(state, gpu_pod(1), 4);
  auto before = state.digest();
  auto decision = place_now(state, gang);
  CHECK_FALSE(decision.placed());
  CHECK(state.digest() == before);
  CHECK(decision.why.message ==
        "room for 3 of 4 pods, then: 0/2 nodes are available: 2 Insufficient nvidia.com/gpu.");
}

TEST_CASE("no node has the GPUs: kube-scheduler's words, counted") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2));
  add(state, NodeBuilder("b").gpus(8).cpu(500));
  add(state, NodeBuilder("c"));
  auto decision = place_now(state, demand(state, gpu_pod(4)));
  CHECK(decision.why.message ==
        "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient nvidia.com/gpu.");
  CHECK(decision.why.reason == "InsufficientResource");
  CHECK(decision.why.counts[0].example == "a");
}

TEST_CASE("empty cluster: says that there are no nodes") {
  ClusterState state;
  auto decision = place_now(state, demand(state, gpu_pod(1)));
  CHECK(decision.why.reason == "NoNodes");
}

TEST_CASE("required rack: all pods in the tightest rack that has room") {
  ClusterState state;
  for (const char* name : {"a1", "a2", "a3"})
    add(state, NodeBuilder(name).gpus(8).rack("a"));
  for (const char* name : {"b1", "b2"})
    add(state, NodeBuilder(name).gpus(8).rack("b"));
  add(state, NodeBuilder("c1").gpus(8).rack("c"));
  auto decision = place_now(state, in_one(demand(state, gpu_pod(8), 2), "rack"));
  REQUIRE(decision.placed());
  CHECK(decision.why.domain == "b");
}

TEST_CASE("required rack with one node too few: nothing bound, the nearest rack is named") {
  ClusterState state;
  add(state, NodeBuilder("a1").gpus(8).rack("a"));
  add(state, NodeBuilder("b1").gpus(8).rack("b"));
  auto decision = place_now(state, in_one(demand(state, gpu_pod(8), 2), "rack"));
  CHECK_FALSE(decision.placed());
  CHECK(decision.why.reason == "InsufficientDomain");
  CHECK(decision.why.message == "no rack has room for 2 pods: the nearest, a, has for 1");
  add(state, NodeBuilder("b2").gpus(8).rack("b"));
  CHECK(place_now(state, in_one(demand(state, gpu_pod(8), 2), "rack")).placed());
}

TEST_CASE("preferred rack without room in any: falls up to the zone") {
  ClusterState state;
  add(state, NodeBuilder("a1").gpus(8).rack("a").zone("z1"));
  add(state, NodeBuilder("b1").gpus(8).rack("b").zone("z2"));
  add(state, NodeBuilder("c1").gpus(8).rack("c").zone("z2"));
  auto wanted = in_one(demand(state, gpu_pod(8), 2), "rack", TopologyRequest::Mode::kPreferred);
  auto decision = place_now(state, wanted);
  REQUIRE(decision.placed());
  CHECK(decision.why.domain == "z2");
}

TEST_CASE("gang in a rack: on the fewest nodes") {
  ClusterState state;
  add(state, NodeBuilder("a1").gpus(2).rack("a"));
  add(state, NodeBuilder("a2").gpus(4).rack("a"));
  add(state, NodeBuilder("a3").gpus(8).rack("a"));
  auto decision = place_now(state, in_one(demand(state, gpu_pod(1), 4), "rack"));
  REQUIRE(decision.placed());
  for (const auto& binding : decision.bindings)
    CHECK(state.node_name(binding.node) == "a2");
}

TEST_CASE("members are bound already: the rest joins their rack") {
  ClusterState state;
  auto a1 = add(state, NodeBuilder("a1").gpus(8).rack("a"));
  add(state, NodeBuilder("b1").gpus(8).rack("b"));
  auto wanted = in_one(demand(state, gpu_pod(8)), "rack");
  wanted.joined = {a1};
  CHECK(place_now(state, wanted).why.domain == "a");
  wanted.name = "ns/second";
  CHECK_FALSE(place_now(state, wanted).placed());
}

TEST_CASE("shares: two halves go to one device, and only to nodes that share") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2));
  CHECK(place_now(state, demand(state, share_pod(500))).why.reason == "SharingNotSupported");
  add(state, NodeBuilder("b").gpus(2).shareable());
  auto first = place_now(state, demand(state, share_pod(500)));
  auto second = place_now(state, demand(state, share_pod(500)));
  REQUIRE(second.placed());
  CHECK(first.bindings[0].devices == second.bindings[0].devices);
}

TEST_CASE("device memory: 93 % of what is asked still counts") {
  ClusterState state;
  add(state, NodeBuilder("l4").gpus(1, "L4", 23));
  auto pod = gpu_pod(1);
  pod.device.memory_bytes = int64_t{24} << 30;
  CHECK(place_now(state, demand(state, pod)).placed());
  pod.device.memory_bytes = int64_t{40} << 30;
  CHECK(place_now(state, demand(state, pod)).why.reason == "InsufficientDeviceMemory");
}

TEST_CASE("products: only permitted ones, the first wanted where both have room") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8, "A100"));
  add(state, NodeBuilder("b").gpus(8, "H100"));
  auto pod = gpu_pod(1);
  pod.device.products = {"H100", "A100"};
  CHECK(state.node_name(place_now(state, demand(state, pod)).bindings[0].node) == "b");
  pod.device.products = {"B200"};
  CHECK(place_now(state, demand(state, pod)).why.reason == "ProductNotPermitted");
}

TEST_CASE("spread over racks: the second gang goes to the other rack") {
  ClusterState state;
  add(state, NodeBuilder("a1").gpus(8).rack("a"));
  add(state, NodeBuilder("b1").gpus(8).rack("b"));
  std::set<std::string> racks;
  for (const char* name : {"ns/one", "ns/two"}) {
    auto wanted = demand(state, gpu_pod(1), 1, name);
    wanted.spread = {"rack", 1};
    wanted.spread_key = "ns/deployment";
    racks.insert(state.node_name(place_now(state, wanted).bindings[0].node));
  }
  CHECK(racks.size() == 2);
}

TEST_CASE("sub-groups: each in its own rack of one zone") {
  ClusterState state;
  for (const char* zone : {"z1", "z2"}) {
    for (const char* rack : {"r1", "r2"}) {
      add(state, NodeBuilder(std::string(zone) + rack).gpus(8).rack(rack).zone(zone));
    }
  }
  auto wanted = in_one(demand(state, gpu_pod(4), 2), "zone");
  wanted.parts.push_back(wanted.parts[0]);
  wanted.parts[1].subgroup = 1;
  wanted.subgroups = {{{TopologyRequest::Mode::kRequired, "rack"}},
                      {{TopologyRequest::Mode::kRequired, "rack"}}};
  auto decision = place_now(state, wanted);
  REQUIRE(decision.placed());
  std::set<NodeIndex> nodes;
  for (const auto& binding : decision.bindings)
    nodes.insert(binding.node);
  CHECK(nodes.size() == 2);
}

TEST_CASE("unknown level: an error that names it, nothing placed") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8));
  auto decision = place_now(state, in_one(demand(state, gpu_pod(1)), "galaxy"));
  CHECK(decision.why.reason == "InvalidDemand");
  CHECK(decision.why.message.find("galaxy") != std::string::npos);
}

TEST_CASE("pods that do not fit are counted all the same: the node is oversubscribed and takes no more") {
  ClusterState state;
  auto node = add(state, NodeBuilder("a").gpus(2));
  auto id = state.intern(gpu_pod(2));
  for (const char* uid : {"1", "2"}) {
    REQUIRE(state.add_pod({.uid = uid, .name = uid, .pod_class = *id, .node = node}));
  }
  CHECK(state.node(node).extended(state.resource_id("nvidia.com/gpu")) == -2);
  CHECK(state.remove_pod("1"));
  CHECK_FALSE(place_now(state, demand(state, gpu_pod(1))).placed());
  CHECK(state.remove_pod("2"));
  CHECK(place_now(state, demand(state, gpu_pod(2))).placed());
}

}  // namespace
}  // namespace stowage::engine
