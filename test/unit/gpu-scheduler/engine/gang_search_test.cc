#include "gpu-scheduler/engine/gang_search.h"

#include <set>

#include "test/unit/gpu-scheduler/engine/world.h"

/// Gangs that fit, though taking the best node for one pod after the other refuses them.
namespace stowage::engine {
namespace {

using namespace test;

void add_part(ClusterState& state, Demand& gang, const PodClass& pod, int count, int subgroup = 0) {
  auto id = state.intern(pod);
  REQUIRE(id);
  gang.parts.push_back({.pod_class = *id, .count = count, .members = {}, .subgroup = subgroup});
}

/// Every policy must find an arrangement, whatever it would take first.
template <class World>
void placed_by_every_strategy(World world, size_t pods) {
  for (auto strategy : {Strategy::kPackability, Strategy::kFgd, Strategy::kBestFit, Strategy::kSpread}) {
    INFO(to_string(strategy));
    ClusterState state;
    const Demand gang = world(state);
    const auto decision = place_now(state, gang, {.strategy = strategy});
    INFO(decision.why.message);
    REQUIRE(decision.bindings.size() == pods);
    for (const NodeIndex node : state.nodes_in_order()) {
      CHECK(state.node(node).free_cpu_milli >= 0);
      CHECK(state.node(node).extended(state.resource_id("nvidia.com/gpu")) >= 0);
    }
  }
}

TEST_CASE("two classes, one of them bound to the node the other would take: both are placed") {
  placed_by_every_strategy(
      [](ClusterState& state) {
        add(state, NodeBuilder("a").gpus(2, "H100"));
        add(state, NodeBuilder("b").gpus(2, "A100"));
        auto gang = demand(state, gpu_pod(2));
        auto only = gpu_pod(2);
        only.device.products = {"H100"};
        add_part(state, gang, only, 1);
        return gang;
      },
      2);
}

TEST_CASE("shares that only fill the devices in one combination: found") {
  placed_by_every_strategy(
      [](ClusterState& state) {
        add(state, NodeBuilder("a").gpus(2).shareable());
        auto gang = demand(state, share_pod(440));
        add_part(state, gang, share_pod(360), 2);
        add_part(state, gang, share_pod(280), 3);
        return gang;
      },
      6);
}

TEST_CASE("anti-affinity between the classes of a gang: each finds its rack") {
  placed_by_every_strategy(
      [](ClusterState& state) {
        add(state, NodeBuilder("a1").gpus(1).rack("a"));
        add(state, NodeBuilder("a2").gpus(1).rack("a"));
        add(state, NodeBuilder("b1").gpus(8, "A100").rack("b"));
        auto server = gpu_pod(1);
        server.labels = {{"role", "server"}};
        auto gang = demand(state, server, 2);
        auto client = gpu_pod(1);
        client.labels = {{"role", "client"}};
        client.device.products = {"A100"};
        client.required_anti_affinity.push_back(
            {.label_selector = LabelSelector{.match_labels = {{"role", "server"}}},
             .topology_key = "stowage.dev/rack"});
        add_part(state, gang, client, 1);
        return gang;
      },
      3);
}

TEST_CASE("host ports: the class that may go to one node only gets it") {
  placed_by_every_strategy(
      [](ClusterState& state) {
        add(state, NodeBuilder("a").label("disk", "fast"));
        add(state, NodeBuilder("b"));
        PodClass any;
        any.requests.cpu_milli = 2000;
        any.host_ports = {{.ip = "", .protocol = "TCP", .port = 80}};
        auto gang = demand(state, any);
        PodClass fast = any;
        fast.requests.cpu_milli = 1000;
        fast.node_selector = {{"disk", "fast"}};
        add_part(state, gang, fast, 1);
        return gang;
      },
      2);
}

TEST_CASE("pods that must be near others of the gang are placed after them") {
  placed_by_every_strategy(
      [](ClusterState& state) {
        add(state, NodeBuilder("a").gpus(8).zone("z1"));
        add(state, NodeBuilder("b").gpus(4).zone("z2"));
        auto follower = gpu_pod(4);
        follower.labels = {{"role", "follower"}};
        follower.required_affinity.push_back(
            {.label_selector = LabelSelector{.match_labels = {{"role", "leader"}}},
             .topology_key = "topology.kubernetes.io/zone"});
        auto gang = demand(state, follower, 2);
        auto leader = gpu_pod(0, 500);
        leader.device = {};
        leader.labels = {{"role", "leader"}};
        add_part(state, gang, leader, 1);
        return gang;
      },
      3);
}

TEST_CASE("nodes alike but for their zone, and a class that must be in one of them: told apart") {
  placed_by_every_strategy(
      [](ClusterState& state) {
        const std::string region = "topology.kubernetes.io/region";
        add(state, NodeBuilder("a").gpus(2).zone("z1").label(region, "r"));
        add(state, NodeBuilder("b").gpus(2).zone("z2").label(region, "r"));
        add(state, NodeBuilder("d").zone("z1").label(region, "r"));
        PodClass database;
        database.labels = {{"role", "database"}};
        const auto running = state.intern(database);
        const auto c = add(state, NodeBuilder("c").zone("z2").label(region, "r"));
        REQUIRE(state.add_pod({.pod_class = *running, .node = c}));
        auto near = gpu_pod(2, 500);
        near.labels = {{"role", "near"}};
        near.required_affinity.push_back({.label_selector = LabelSelector{.match_labels = database.labels},
                                          .topology_key = "topology.kubernetes.io/zone"});
        // Comes after `near` by its own rule, though it is the larger one.
        auto follower = gpu_pod(2, 2000);
        follower.required_affinity.push_back(
            {.label_selector = LabelSelector{.match_labels = near.labels}, .topology_key = region});
        auto gang = demand(state, follower);
        add_part(state, gang, near, 1);
        return gang;
      },
      2);
}

TEST_CASE("shares that fill two devices, none of them on the tightest: found") {
  placed_by_every_strategy(
      [](ClusterState& state) {
        add(state, NodeBuilder("a").gpus(2).shareable());
        auto gang = demand(state, share_pod(200), 2);
        for (const int milli : {650, 500, 300, 150})
          add_part(state, gang, share_pod(milli), 1);
        return gang;
      },
      6);
}

TEST_CASE("sub-groups compete for racks: the one that fits in one rack only gets it") {
  placed_by_every_strategy(
      [](ClusterState& state) {
        add(state, NodeBuilder("a1").gpus(8, "H100").rack("a"));
        add(state, NodeBuilder("b1").gpus(8, "A100").rack("b"));
        add(state, NodeBuilder("b2").gpus(8, "A100").rack("b"));
        auto gang = demand(state, gpu_pod(4), 2);
        auto only = gpu_pod(8);
        only.device.products = {"H100"};
        add_part(state, gang, only, 1, 1);
        gang.subgroups = {{{TopologyRequest::Mode::kRequired, "rack"}},
                          {{TopologyRequest::Mode::kRequired, "rack"}}};
        return gang;
      },
      3);
}

TEST_CASE("required rack: a gang of two classes goes where some arrangement holds it") {
  placed_by_every_strategy(
      [](ClusterState& state) {
        add(state, NodeBuilder("a1").gpus(2, "H100").rack("a"));
        add(state, NodeBuilder("a2").gpus(2, "A100").rack("a"));
        add(state, NodeBuilder("b1").gpus(2, "H100").rack("b"));
        auto gang = demand(state, gpu_pod(2));
        auto only = gpu_pod(2);
        only.device.products = {"H100"};
        add_part(state, gang, only, 1);
        return in_one(gang, "rack");
      },
      2);
}

TEST_CASE("two classes that do not fit together: refused for good, the state is untouched") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(4, "H100"));
  add(state, NodeBuilder("b").gpus(4, "H100"));
  auto gang = demand(state, gpu_pod(3), 2);
  add_part(state, gang, gpu_pod(2), 1);
  const auto before = state.digest();
  const auto decision = place_now(state, gang);
  CHECK_FALSE(decision.placed());
  CHECK(decision.why.reason == "InsufficientResource");
  CHECK(state.digest() == before);
}

TEST_CASE("the work budget ends within the search: refused, and the reason says that not all was tried") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(2, "H100"));
  add(state, NodeBuilder("b").gpus(2, "A100"));
  auto gang = demand(state, gpu_pod(2));
  auto only = gpu_pod(2);
  only.device.products = {"H100"};
  add_part(state, gang, only, 1);
  const auto before = state.digest();
  // Two looks of pods placed one after the other, two at the nodes, and the search has begun.
  WorkBudget little(5);
  const auto given_up = place(state, gang, {}, little);
  CHECK_FALSE(given_up.placed());
  CHECK(given_up.why.reason == "WorkBudget");
  CHECK(given_up.why.message.starts_with("not every arrangement of the gang was tried"));
  CHECK(state.digest() == before);
  CHECK(place_now(state, gang).placed());
}

TEST_CASE("a thousand like nodes and a gang of pods that keep apart, one too many: refused at once") {
  ClusterState state;
  for (int i = 0; i < 1000; ++i)
    add(state, NodeBuilder("n" + std::to_string(i)).gpus(8));
  auto pod = gpu_pod(1);
  pod.labels = {{"app", "one"}};
  pod.required_anti_affinity.push_back({.label_selector = LabelSelector{.match_labels = pod.labels},
                                        .topology_key = "kubernetes.io/hostname"});
  const auto decision = place_now(state, demand(state, pod, 1001));
  CHECK_FALSE(decision.placed());
  CHECK(decision.why.reason != "WorkBudget");
}

}  // namespace
}  // namespace stowage::engine
