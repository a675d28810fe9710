#include "gpu-scheduler/engine/domain_sets.h"

#include <set>

#include "test/unit/gpu-scheduler/engine/world.h"

/// A preferred level that no single domain can serve: the fewest domains.
namespace stowage::engine {
namespace {

using namespace test;

std::set<std::string> values(const ClusterState& state, const Decision& decision, const std::string& label) {
  std::set<std::string> out;
  for (const auto& binding : decision.bindings)
    out.insert(state.node(binding.node).spec->labels.at(label));
  return out;
}

Demand preferring(Demand wanted, std::string level) {
  return in_one(std::move(wanted), std::move(level), TopologyRequest::Mode::kPreferred);
}

TEST_CASE("no rack holds the gang: two racks of small nodes rather than three of large ones") {
  ClusterState state;
  // By nodes alone c, d, e with 8 each come first: three nodes, three racks.
  for (const char* rack : {"c", "d", "e"})
    add(state, NodeBuilder(std::string(rack) + "1").gpus(8).rack(rack));
  for (const char* rack : {"a", "b"}) {
    for (int i = 0; i < 6; ++i)
      add(state, NodeBuilder(rack + std::to_string(i)).gpus(2).rack(rack));
  }
  const auto decision = place_now(state, preferring(demand(state, gpu_pod(1), 24), "rack"));
  REQUIRE(decision.placed());
  CHECK(values(state, decision, "stowage.dev/rack") == std::set<std::string>{"a", "b"});
}

TEST_CASE("down the tree: one zone first, though two racks of different zones would be fewer racks") {
  ClusterState state;
  for (const char* rack : {"a", "b", "c"})
    add(state, NodeBuilder(std::string("1") + rack).gpus(4).zone("z1").rack(rack));
  add(state, NodeBuilder("2a").gpus(6).zone("z2").rack("a"));
  add(state, NodeBuilder("3a").gpus(6).zone("z3").rack("a"));
  const auto decision = place_now(state, preferring(demand(state, gpu_pod(1), 12), "rack"));
  REQUIRE(decision.placed());
  CHECK(decision.why.domain == "z1");
  CHECK(values(state, decision, "stowage.dev/rack").size() == 3);
}

TEST_CASE("two zones are needed: of the pairs that hold the gang the one with the fewest racks") {
  ClusterState state;
  for (int i = 0; i < 4; ++i)
    add(state, NodeBuilder("a" + std::to_string(i)).gpus(2).zone("z1").rack("r" + std::to_string(i)));
  for (int i = 0; i < 3; ++i)
    add(state, NodeBuilder("b" + std::to_string(i)).gpus(2).zone("z2").rack("r" + std::to_string(i)));
  add(state, NodeBuilder("c0").gpus(6).zone("z3").rack("r0"));
  const auto decision = place_now(state, preferring(demand(state, gpu_pod(1), 10), "rack"));
  REQUIRE(decision.placed());
  CHECK(values(state, decision, "topology.kubernetes.io/zone") == std::set<std::string>{"z1", "z3"});
}

TEST_CASE("members are bound already: their domain costs nothing, others are the fewest beside it") {
  ClusterState state;
  auto a1 = add(state, NodeBuilder("a1").gpus(2).rack("a"));
  add(state, NodeBuilder("b1").gpus(3).rack("b"));
  add(state, NodeBuilder("c1").gpus(4).rack("c"));
  add(state, NodeBuilder("d1").gpus(4).rack("d"));
  auto wanted = preferring(demand(state, gpu_pod(1), 5), "rack");
  wanted.joined = {a1};
  const auto decision = place_now(state, wanted);
  REQUIRE(decision.placed());
  CHECK(values(state, decision, "stowage.dev/rack") == std::set<std::string>{"a", "b"});
}

TEST_CASE("nodes without the level's label are domains of their own: the labelled rack comes first") {
  ClusterState state;
  for (const char* name : {"n1", "n2", "n3"})
    add(state, NodeBuilder(name).gpus(2));
  for (const char* name : {"r1", "r2"})
    add(state, NodeBuilder(name).gpus(1).rack("r"));
  add(state, NodeBuilder("s1").gpus(3).rack("s"));
  const auto decision = place_now(state, preferring(demand(state, gpu_pod(1), 5), "rack"));
  REQUIRE(decision.placed());
  CHECK(values(state, decision, "stowage.dev/rack") == std::set<std::string>{"r", "s"});
}

TEST_CASE("hundreds of racks of many sizes: decided within the work, on the fewest") {
  ClusterState state;
  for (int rack = 0; rack < 300; ++rack)
    add(state, NodeBuilder("n" + std::to_string(rack))
                   .gpus(1 + rack % 8)
                   .rack("r" + std::to_string(rack))
                   .zone("z" + std::to_string(rack % 7)));
  // 37 racks have 8, 37 have 7, ...: 100 pods need 13.
  const auto decision = place_now(state, preferring(demand(state, gpu_pod(1), 500), "rack"));
  REQUIRE(decision.placed());
  std::set<std::string> zones = values(state, decision, "topology.kubernetes.io/zone");
  CHECK(zones.size() == 3);
}

}  // namespace
}  // namespace stowage::engine
