#include <catch2/catch.hpp>

#include "gpu-scheduler/engine/place.h"
#include "world.h"

using namespace stowage::engine;
using namespace stowage::engine::test;

namespace {

PodClass with_disk(const std::string& id, bool read_only = false) {
  PodClass pod = gpu_pod(1);
  pod.disks = {{.kind = PodDisk::Kind::kGcePersistentDisk, .id = id, .read_only = read_only}};
  return pod;
}

}  // namespace

TEST_CASE("a gang whose pods write one disk: each on a node of its own, and not more than there are nodes") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8));
  add(state, NodeBuilder("b").gpus(8));
  const Decision two = place_now(state, demand(state, with_disk("x"), 2));
  REQUIRE(two.placed());
  CHECK(two.bindings[0].node != two.bindings[1].node);
  forget(state, two);
  const Decision three = place_now(state, demand(state, with_disk("x"), 3));
  CHECK_FALSE(three.placed());
  CHECK(three.why.dominant == Reason::kDiskConflict);
  CHECK(place_now(state, demand(state, with_disk("x", true), 3)).placed());
}

TEST_CASE("a disk in use: the pod that holds it is named as the reason, and another disk is no obstacle") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8));
  REQUIRE(place_now(state, demand(state, with_disk("x"))).placed());
  const Decision second = place_now(state, demand(state, with_disk("x")));
  CHECK_FALSE(second.placed());
  CHECK(second.why.message == "0/1 nodes are available: 1 node(s) had no available disk.");
  CHECK(place_now(state, demand(state, with_disk("y"))).placed());
}

TEST_CASE("a pod that uses a feature: only a node that declares it, also among plain nodes") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8));
  NodeSpec declares{.name = "b", .features = {"VolumeBindMountOptions"}};
  declares.allocatable = {.cpu_milli = 4000, .memory_bytes = int64_t{1} << 33, .pods = 110};
  REQUIRE(state.upsert_node(std::move(declares)));
  PodClass pod;
  pod.node_features = {"VolumeBindMountOptions"};
  const Decision decision = place_now(state, demand(state, pod));
  REQUIRE(decision.placed());
  CHECK(state.node_name(decision.bindings[0].node) == "b");
  pod.node_features = {"RestartAllContainersOnContainerExits"};
  CHECK(place_now(state, demand(state, pod)).why.dominant == Reason::kNodeFeatures);
}
