#include <algorithm>
#include <array>
#include <set>

#include "base/random.h"
#include "gpu-scheduler/engine/move_plan.h"
#include "gpu-scheduler/engine/node_worth.h"
#include "test/unit/gpu-scheduler/engine/world.h"

/// Plans of moves on random full clusters, carried out step by step. A failure prints the seed.
namespace stowage::engine {
namespace {

using namespace test;

constexpr uint64_t kWorlds = 80;

struct World {
  explicit World(uint64_t seed) : random(seed) {
    policy.strategy =
        std::array{Strategy::kPackability, Strategy::kFgd, Strategy::kBestFit, Strategy::kSpread}[seed % 4];
    const auto nodes = 3 + random.below(8);
    for (uint64_t i = 0; i < nodes; ++i) {
      add(state, NodeBuilder("n" + std::to_string(i))
                     .cpu(4000 + 4000 * static_cast<int64_t>(random.below(4)))
                     .rack("r" + std::to_string(random.below(3)))
                     .gpus(1 + static_cast<int>(random.below(4)), random.below(3) == 0 ? "A100" : "H100")
                     .shareable());
    }
    // Placed anywhere, not well: there is something to mend.
    Policy careless;
    careless.strategy = Strategy::kSpread;
    for (int i = 0; i < 60; ++i) {
      auto wanted = draw(i);
      wanted.movable = random.below(5) != 0;
      if (place_now(state, wanted, careless).placed() && wanted.pod_count() > 1) gangs.insert(wanted.name);
    }
  }

  Demand draw(int id) {
    PodClass pod = random.below(2) == 0 ? share_pod(100 * static_cast<int>(1 + random.below(9)))
                                        : gpu_pod(static_cast<int>(random.below(4)));
    pod.requests.cpu_milli = 100 + static_cast<int64_t>(random.below(5)) * 700;
    if (random.below(5) == 0) pod.device.products = {"H100"};
    if (pod.device.count == 0) pod.device = {};
    const auto count = random.below(5) == 0 ? 1 + static_cast<int>(random.below(3)) : 1;
    auto out = demand(state, pod, count, "ns/d" + std::to_string(id));
    if (random.below(6) == 0) out = in_one(std::move(out), "rack");
    return out;
  }

  [[nodiscard]] bool within_capacity() const {
    return std::ranges::all_of(state.nodes_in_order(), [&](NodeIndex node) {
      const auto& row = state.node(node);
      return row.free_cpu_milli >= 0 && row.free_memory_bytes >= 0 && row.free_pods >= 0 &&
             std::ranges::all_of(row.device_free,
                                 [](auto free) { return free >= 0 && free <= kWholeDevice; });
    });
  }

  /// Each step leaves the cluster within its capacity, and who moves was free to.
  void carry_out(const MovePlan& plan) {
    std::set<PodIndex> moved;
    for (const auto& move : plan.moves) {
      INFO("pod " << move.name);
      REQUIRE(moved.insert(move.pod).second);
      REQUIRE(state.pod(move.pod).movable);
      REQUIRE(!gangs.contains(state.pod(move.pod).group));
      REQUIRE(move.from != move.to);
      const auto pods = state.pod_count();
      REQUIRE(make_move(state, move));
      REQUIRE(state.pod_count() == pods);
      REQUIRE(within_capacity());
    }
  }

  Random random;
  ClusterState state;
  Policy policy;
  std::set<std::string> gangs;
};

TEST_CASE("make_room in random worlds: within limits, no gang is split, the demand then fits") {
  size_t plans = 0;
  size_t moves = 0;
  for (uint64_t seed = 1; seed <= kWorlds; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    for (int id = 100; id < 125; ++id) {
      const auto wanted = world.draw(id);
      const auto limit = static_cast<int32_t>(world.random.below(5));
      auto budget = WorkBudget::unlimited();
      const auto before = world.state.digest();
      const auto plan = make_room(world.state, wanted, world.policy, {.max_moves = limit}, budget);
      REQUIRE(world.state.digest() == before);
      REQUIRE(plan.moves.size() <= static_cast<size_t>(limit));
      if (plan.bindings.empty()) {
        REQUIRE(plan.moves.empty());
        REQUIRE(plan.why.reason == "NoMoves");
        REQUIRE(!place_now(world.state, wanted, world.policy).placed());
        continue;
      }
      const auto again = make_room(world.state, wanted, world.policy, {.max_moves = limit}, budget);
      REQUIRE(again.moves.size() == plan.moves.size());
      for (size_t i = 0; i < plan.moves.size(); ++i) {
        REQUIRE(again.moves[i].pod == plan.moves[i].pod);
        REQUIRE(again.moves[i].to == plan.moves[i].to);
      }
      world.carry_out(plan);
      const auto decision = place_now(world.state, wanted, world.policy);
      REQUIRE(decision.bindings.size() == plan.bindings.size());
      for (size_t i = 0; i < plan.bindings.size(); ++i)
        REQUIRE(decision.bindings[i].node == plan.bindings[i].node);
      REQUIRE(world.within_capacity());
      if (wanted.pod_count() > 1) world.gangs.insert(wanted.name);
      plans += plan.moves.empty() ? 0 : 1;
      moves += plan.moves.size();
    }
  }
  // Else the worlds do not test what they are made for.
  CHECK(plans >= 20);
  CHECK(moves > plans);
}

TEST_CASE("defragment in random worlds: within limits, no gang is split, the free room gains") {
  size_t moves = 0;
  for (uint64_t seed = 1; seed <= kWorlds; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    const auto worth = [&] {
      int64_t sum = 0;
      for (const NodeIndex node : world.state.nodes_in_order())
        sum += node_worth(world.state, node, world.policy);
      return sum;
    };
    const auto limit = static_cast<int32_t>(1 + world.random.below(6));
    auto budget = WorkBudget::unlimited();
    const auto before = world.state.digest();
    const auto worth_before = worth();
    const auto plan = defragment(world.state, world.policy, {.max_moves = limit}, budget);
    REQUIRE(world.state.digest() == before);
    REQUIRE(plan.moves.size() <= static_cast<size_t>(limit));
    REQUIRE(plan.gain >= 0);
    world.carry_out(plan);
    if (world.policy.strategy == Strategy::kPackability) REQUIRE(worth() >= worth_before);
    moves += plan.moves.size();
  }
  CHECK(moves >= kWorlds);
}

}  // namespace
}  // namespace stowage::engine
