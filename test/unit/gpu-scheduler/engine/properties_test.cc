#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

#include "base/random.h"
#include "gpu-scheduler/engine/preempt.h"
#include "gpu-scheduler/engine/transaction.h"
#include "test/unit/gpu-scheduler/engine/world.h"

/// Random worlds: what must hold whatever happens. A failure prints the seed.
namespace stowage::engine {
namespace {

using namespace test;

constexpr int kWorlds = 12;
constexpr int kEvents = 250;

struct World {
  explicit World(uint64_t seed, bool reversed = false) : random(seed) {
    std::vector<int> order(static_cast<size_t>(4 + random.below(12)));
    std::iota(order.begin(), order.end(), 0);
    std::vector<NodeSpec> specs;
    for (int i : order) {
      auto builder = NodeBuilder("n" + std::to_string(i));
      builder.spec.allocatable.cpu_milli = 4000 + static_cast<int64_t>(random.below(4)) * 4000;
      auto gpus = static_cast<int>(random.below(5)) * 2;
      auto node = std::move(builder)
                      .rack("r" + std::to_string(random.below(3)))
                      .zone("z" + std::to_string(random.below(2)));
      if (gpus > 0) {
        auto with = std::move(node).gpus(gpus, random.below(2) == 0 ? "H100" : "A100").shareable();
        specs.push_back(with.spec);
        continue;
      }
      specs.push_back(node.spec);
    }
    if (reversed) std::ranges::reverse(specs);
    for (auto& spec : specs)
      REQUIRE(state.upsert_node(std::move(spec)));
  }

  Demand draw(int id) {
    PodClass pod = random.below(4) == 0 ? share_pod(100 * static_cast<int>(1 + random.below(9)))
                                        : gpu_pod(static_cast<int>(random.below(5)));
    pod.requests.cpu_milli = 100 + static_cast<int64_t>(random.below(5)) * 700;
    if (random.below(5) == 0) pod.device.products = {"H100"};
    if (pod.device.count == 0) pod.device = {};
    auto out = demand(state, pod, static_cast<int>(1 + random.below(4)), "ns/d" + std::to_string(id));
    if (random.below(3) == 0) {
      out.topology = {
          random.below(2) == 0 ? TopologyRequest::Mode::kRequired : TopologyRequest::Mode::kPreferred,
          random.below(2) == 0 ? "rack" : "zone"};
    }
    out.priority = static_cast<int32_t>(random.below(4));
    return out;
  }

  /// No resource and no device below zero.
  [[nodiscard]] bool within_capacity() const {
    for (NodeIndex node : state.nodes_in_order()) {
      const auto& row = state.node(node);
      if (row.free_cpu_milli < 0 || row.free_memory_bytes < 0 || row.free_pods < 0) return false;
      for (auto free : row.device_free) {
        if (free < 0 || free > kWholeDevice) return false;
      }
    }
    return true;
  }

  Random random;
  ClusterState state;
};

Policy policy_for(uint64_t seed) {
  Policy policy;
  policy.strategy =
      std::array{Strategy::kPackability, Strategy::kFgd, Strategy::kBestFit, Strategy::kSpread}[seed % 4];
  return policy;
}

TEST_CASE(
    "random placements and removals: whole gangs only, capacity is never exceeded, undo restores bit for "
    "bit") {
  for (uint64_t seed = 1; seed <= kWorlds; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    auto policy = policy_for(seed);
    std::vector<Decision> placed;
    for (int event = 0; event < kEvents; ++event) {
      auto wanted = world.draw(event);
      auto before = world.state.digest();
      if (world.random.below(3) == 0) {
        Transaction transaction(world.state);
        if (!placed.empty()) forget(world.state, placed[world.random.below(placed.size())]);
        place_now(world.state, wanted, policy);
        transaction.rollback();
        REQUIRE(world.state.digest() == before);
        continue;
      }
      auto decision = place_now(world.state, wanted, policy);
      if (decision.placed()) {
        REQUIRE(decision.bindings.size() == static_cast<size_t>(wanted.pod_count()));
        if (wanted.topology.mode == TopologyRequest::Mode::kRequired) {
          std::set<DomainId> domains;
          auto level = *world.state.level_index(wanted.topology.level);
          for (const auto& binding : decision.bindings)
            domains.insert(world.state.domain_of(binding.node, level));
          REQUIRE(domains.size() == 1);
        }
        placed.push_back(std::move(decision));
      } else {
        REQUIRE(world.state.digest() == before);
      }
      REQUIRE(world.within_capacity());
      if (placed.size() > 6) {
        size_t at = world.random.below(placed.size());
        forget(world.state, placed[at]);
        placed.erase(placed.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
  }
}

TEST_CASE("foreign pods that name the same devices: in whatever order they leave, the node is as before") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    ClusterState state;
    const auto node = add(state, NodeBuilder("n").gpus(4).shareable());
    auto amounts = [&] {
      const auto& row = state.node(node);
      return std::tuple(row.free_extended, row.device_free, row.free_cpu_milli, row.contended);
    };
    std::vector<decltype(amounts())> levels;
    std::vector<PodIndex> pods;
    for (int i = 0; i < 8; ++i) {
      const auto pod = random.below(2) == 0 ? share_pod(100 * static_cast<int>(1 + random.below(9)))
                                            : gpu_pod(static_cast<int>(1 + random.below(3)));
      levels.push_back(amounts());
      auto added = state.add_pod({.uid = std::to_string(i),
                                  .name = "ns/p",
                                  .pod_class = *state.intern(pod),
                                  .node = node,
                                  .devices = random.below(4) == 0 ? 0 : 1 + random.below(15)});
      REQUIRE(added);
      pods.push_back(*added);
    }
    const auto full = amounts();
    {
      Transaction transaction(state);
      const auto before = state.digest();
      auto order = pods;
      while (!order.empty()) {
        const auto at = order.begin() + static_cast<std::ptrdiff_t>(random.below(order.size()));
        state.remove_pod(*at);
        order.erase(at);
      }
      REQUIRE(amounts() == levels.front());
      transaction.rollback();
      REQUIRE(state.digest() == before);
      REQUIRE(amounts() == full);
    }
    for (size_t i = pods.size(); i-- > 0;) {
      state.remove_pod(pods[i]);
      REQUIRE(amounts() == levels[i]);
    }
  }
}

TEST_CASE("cached scores: the same decision as a state without caches") {
  for (uint64_t seed = 1; seed <= kWorlds; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    auto policy = policy_for(seed);
    for (int event = 0; event < kEvents / 5; ++event) {
      auto wanted = world.draw(event);
      auto fresh = world.state.fork();
      fresh.set_reserved(0, true), fresh.set_reserved(0, false);
      Policy other = policy;  // Every weight doubled: other caches, scores in the same order.
      for (int32_t* weight : {&other.fragmentation, &other.packing, &other.cost, &other.spread})
        *weight *= 2;
      auto expected = place_now(fresh, wanted, other);
      auto decision = place_now(world.state, wanted, policy);
      REQUIRE(decision.bindings.size() == expected.bindings.size());
      for (size_t i = 0; i < decision.bindings.size(); ++i) {
        REQUIRE(decision.bindings[i].node == expected.bindings[i].node);
        REQUIRE(decision.bindings[i].devices == expected.bindings[i].devices);
      }
    }
  }
}

TEST_CASE("nodes added in another order: the same nodes are chosen") {
  for (uint64_t seed = 1; seed <= kWorlds; ++seed) {
    INFO("seed " << seed);
    World a(seed);
    World b(seed, true);
    auto policy = policy_for(seed);
    for (int event = 0; event < kEvents / 5; ++event) {
      auto x = place_now(a.state, a.draw(event), policy);
      auto y = place_now(b.state, b.draw(event), policy);
      REQUIRE(x.bindings.size() == y.bindings.size());
      for (size_t i = 0; i < x.bindings.size(); ++i) {
        REQUIRE(a.state.node_name(x.bindings[i].node) == b.state.node_name(y.bindings[i].node));
      }
    }
  }
}

TEST_CASE("a fork: changes of one are not seen by the other") {
  World world(7);
  auto before = world.state.digest();
  auto fork = world.state.fork();
  for (int event = 0; event < 20; ++event)
    place_now(fork, world.draw(event));
  CHECK(world.state.digest() == before);
}

TEST_CASE("preemption in random worlds: victims are lower, whole gangs, and the demand fits without them") {
  for (uint64_t seed = 1; seed <= kWorlds; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    Policy policy;
    for (int event = 0; event < kEvents / 5; ++event) {
      auto wanted = world.draw(event);
      if (place_now(world.state, wanted, policy).placed()) continue;
      auto budget = WorkBudget::unlimited();
      auto before = world.state.digest();
      auto plan = preempt(world.state, wanted, policy, budget);
      REQUIRE(world.state.digest() == before);
      if (!plan.placed()) continue;
      std::set<std::string> groups;
      for (const auto& victim : plan.evictions) {
        REQUIRE(world.state.pod(victim.pod).priority < wanted.priority);
        groups.insert(world.state.pod(victim.pod).group);
      }
      for (const auto& victim : plan.evictions)
        world.state.remove_pod(victim.pod);
      for (PodIndex pod = 0; pod < world.state.pod_limit(); ++pod) {
        if (world.state.has_pod(pod)) REQUIRE_FALSE(groups.contains(world.state.pod(pod).group));
      }
      REQUIRE(place_now(world.state, wanted, policy).placed());
    }
  }
}

}  // namespace
}  // namespace stowage::engine
