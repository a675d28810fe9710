#include "gpu-scheduler/engine/move_plan.h"

#include "test/unit/gpu-scheduler/engine/world.h"

namespace stowage::engine {
namespace {

using namespace test;

NodeIndex add_shared(ClusterState& state, const std::string& name, int gpus, int64_t cpu = 64'000) {
  return add(state, NodeBuilder(name).cpu(cpu).rack("r-" + name.substr(0, 1)).gpus(gpus).shareable());
}

PodIndex run(ClusterState& state, NodeIndex node, const PodClass& pod, RunningPod running = {}) {
  auto id = state.intern(pod);
  REQUIRE(id);
  running.pod_class = *id;
  running.node = node;
  if (running.name.empty()) running.name = "ns/p" + std::to_string(state.pod_count());
  running.uid = "u" + std::to_string(state.pod_count());
  auto index = state.add_pod(std::move(running));
  REQUIRE(index);
  return *index;
}

MovePlan room_for(ClusterState& state, const Demand& wanted, int32_t most = 1, int64_t now = 0) {
  auto budget = WorkBudget::unlimited();
  const auto before = state.digest();
  auto plan = make_room(state, wanted, {}, {.max_moves = most, .now = now}, budget);
  REQUIRE(state.digest() == before);
  return plan;
}

/// Carries the plan out; the demand must then be where the plan says.
void carry_out(ClusterState& state, const MovePlan& plan, const Demand& wanted) {
  for (const auto& move : plan.moves)
    REQUIRE(make_move(state, move));
  const auto decision = place_now(state, wanted);
  REQUIRE(decision.bindings.size() == plan.bindings.size());
  for (size_t i = 0; i < decision.bindings.size(); ++i)
    CHECK(decision.bindings[i].node == plan.bindings[i].node);
}

/// Two nodes of one GPU, half used each.
struct TwoHalves {
  ClusterState state;
  NodeIndex a = add_shared(state, "a", 1);
  NodeIndex b = add_shared(state, "b", 1);
  explicit TwoHalves(const RunningPod& running = {}) {
    run(state, a, share_pod(500), running);
    run(state, b, share_pod(500), running);
  }
};

TEST_CASE("two half used GPUs and a demand for a whole one: one share moves beside the other") {
  TwoHalves world;
  const auto wanted = demand(world.state, gpu_pod(1));
  const auto plan = room_for(world.state, wanted);
  REQUIRE(plan.moves.size() == 1);
  CHECK(plan.why.placed);
  CHECK(plan.moves[0].from == plan.bindings.at(0).node);
  CHECK(plan.moves[0].to != plan.moves[0].from);
  CHECK(plan.moves[0].devices == 1);
  CHECK(plan.moves[0].uid == world.state.pod(plan.moves[0].pod).uid);
  carry_out(world.state, plan, wanted);
}

TEST_CASE("a demand that fits: its bindings, and nobody moves") {
  TwoHalves world;
  const auto plan = room_for(world.state, demand(world.state, share_pod(400)));
  CHECK(plan.moves.empty());
  CHECK(plan.bindings.size() == 1);
}

TEST_CASE("pods that may not move stay: no plan") {
  SECTION("not movable") {
    TwoHalves world({.movable = false});
    CHECK(room_for(world.state, demand(world.state, gpu_pod(1))).why.reason == "NoMoves");
  }
  SECTION("terminating") {
    TwoHalves world({.terminating = true});
    CHECK(room_for(world.state, demand(world.state, gpu_pod(1))).why.reason == "NoMoves");
  }
  SECTION("spread over domains") {
    TwoHalves world({.spread_key = "ns/web"});
    CHECK(room_for(world.state, demand(world.state, gpu_pod(1))).why.reason == "NoMoves");
  }
  SECTION("of a gang") {
    TwoHalves world({.group = "ns/gang"});
    CHECK(room_for(world.state, demand(world.state, gpu_pod(1))).why.reason == "NoMoves");
  }
  SECTION("protected: until then, not beyond") {
    TwoHalves world({.protected_until = 100});
    const auto wanted = demand(world.state, gpu_pod(1));
    CHECK(room_for(world.state, wanted, 1, 99).moves.empty());
    CHECK(room_for(world.state, wanted, 1, 100).moves.size() == 1);
  }
}

TEST_CASE("no move is left, or the demand is invalid, or the budget is spent: no plan, and the reason") {
  TwoHalves world;
  const auto wanted = demand(world.state, gpu_pod(1));
  const auto none = room_for(world.state, wanted, 0);
  CHECK(none.bindings.empty());
  CHECK(none.why.reason == "NoMoves");
  CHECK(room_for(world.state, Demand{}).why.reason == "InvalidDemand");
  WorkBudget little(2);
  CHECK(make_room(world.state, wanted, {}, {}, little).why.reason == "WorkBudget");
}

TEST_CASE("two shares stand in the way of two GPUs: a plan of two moves, none of one") {
  ClusterState state;
  const auto a = add_shared(state, "a", 2);
  run(state, a, share_pod(500), {.devices = 1});
  run(state, a, share_pod(500), {.devices = 2});
  for (const auto* name : {"b", "c"})
    run(state, add_shared(state, name, 1), share_pod(500), {.movable = false});
  const auto wanted = demand(state, gpu_pod(2));
  CHECK(room_for(state, wanted, 1).why.reason == "NoMoves");
  const auto plan = room_for(state, wanted, 2);
  REQUIRE(plan.moves.size() == 2);
  CHECK(plan.moves[0].to != plan.moves[1].to);
  carry_out(state, plan, wanted);
}

TEST_CASE("idle GPUs without CPU: the pod that holds the CPU moves, not a share") {
  ClusterState state;
  const auto a = add_shared(state, "a", 2, 10'000);
  const auto b = add_shared(state, "b", 1);
  PodClass cpu_only;
  cpu_only.requests.cpu_milli = 9'500;
  const auto hog = run(state, a, cpu_only);
  run(state, b, share_pod(500));
  const auto wanted = demand(state, gpu_pod(1));
  const auto plan = room_for(state, wanted);
  REQUIRE(plan.moves.size() == 1);
  CHECK(plan.moves[0].pod == hog);
  CHECK(plan.moves[0].to == b);
  carry_out(state, plan, wanted);
}

TEST_CASE("several single moves would do: the one that costs the cluster least") {
  ClusterState state;
  // c's hole takes 300 exactly; the 200 would leave a hole of 100 there.
  const auto a = add_shared(state, "a", 1);
  const auto b = add_shared(state, "b", 1);
  const auto c = add_shared(state, "c", 1);
  run(state, a, share_pod(200));
  run(state, b, share_pod(300));
  run(state, c, share_pod(700), {.movable = false});
  const auto wanted = demand(state, gpu_pod(1));
  auto budget = WorkBudget::unlimited();
  Policy policy;
  policy.strategy = Strategy::kBestFit;
  const auto plan = make_room(state, wanted, policy, {}, budget);
  REQUIRE(plan.moves.size() == 1);
  CHECK(plan.moves[0].from == b);
  CHECK(plan.moves[0].to == c);
}

TEST_CASE("a pod has to keep away from another: it does not move there") {
  ClusterState state;
  const auto a = add_shared(state, "a", 1);
  const auto b = add_shared(state, "b", 1);
  auto shy = share_pod(500);
  shy.labels["app"] = "shy";
  PodAffinityTerm from_shy{.topology_key = "kubernetes.io/hostname"};
  from_shy.label_selector = LabelSelector{.match_labels = {{"app", "shy"}}, .match_expressions = {}};
  shy.required_anti_affinity = {from_shy};
  run(state, a, shy);
  run(state, b, shy);
  CHECK(room_for(state, demand(state, gpu_pod(1))).why.reason == "NoMoves");
}

TEST_CASE("a gang that must stay in one rack: room is made in one, with as few moves as it takes") {
  ClusterState state;
  // Rack r-a: two nodes, both half used. Rack r-b: one idle, one half used. Rack r-c: holes.
  for (const auto* name : {"a1", "a2", "b1", "c1", "c2"})
    run(state, add_shared(state, name, 1), share_pod(500), {.movable = name[0] != 'c'});
  const auto idle = add_shared(state, "b2", 1);
  const auto wanted = in_one(demand(state, gpu_pod(1), 2), "rack");
  const auto plan = room_for(state, wanted, 4);
  REQUIRE(plan.moves.size() == 1);
  REQUIRE(plan.bindings.size() == 2);
  CHECK((plan.bindings[0].node == idle || plan.bindings[1].node == idle));
  carry_out(state, plan, wanted);
}

TEST_CASE("a move whose place was taken meanwhile: refused, and nothing changed") {
  TwoHalves world;
  const auto plan = room_for(world.state, demand(world.state, gpu_pod(1)));
  REQUIRE(plan.moves.size() == 1);
  run(world.state, plan.moves[0].to, share_pod(500));
  const auto before = world.state.digest();
  CHECK(make_move(world.state, plan.moves[0]).error().code == Code::kConflict);
  auto gone = plan.moves[0];
  gone.to = 99;
  CHECK(make_move(world.state, gone).error().code == Code::kNotFound);
  gone.pod = 99;
  CHECK(make_move(world.state, gone).error().code == Code::kNotFound);
  CHECK(world.state.digest() == before);
}

TEST_CASE("a moved pod keeps its identity and its index") {
  TwoHalves world;
  const auto plan = room_for(world.state, demand(world.state, gpu_pod(1)));
  REQUIRE(plan.moves.size() == 1);
  const auto uid = world.state.pod(plan.moves[0].pod).uid;
  CHECK(*make_move(world.state, plan.moves[0]) == plan.moves[0].pod);
  CHECK(world.state.find_pod(uid) == plan.moves[0].pod);
  CHECK(world.state.pod(plan.moves[0].pod).node == plan.moves[0].to);
}

TEST_CASE("defragment: half used GPUs are filled up, then nothing gains any more") {
  TwoHalves world;
  auto budget = WorkBudget::unlimited();
  const auto before = world.state.digest();
  const auto plan = defragment(world.state, {}, {.max_moves = 5}, budget);
  CHECK(world.state.digest() == before);
  REQUIRE(plan.moves.size() == 1);
  CHECK(plan.gain > 0);
  REQUIRE(make_move(world.state, plan.moves[0]));
  CHECK(defragment(world.state, {}, {.max_moves = 5}, budget).moves.empty());
}

TEST_CASE("defragment: never more moves than the limit, none that gains too little") {
  ClusterState state;
  for (const auto* name : {"a", "b", "c", "d"})
    run(state, add_shared(state, name, 1), share_pod(500));
  auto budget = WorkBudget::unlimited();
  CHECK(defragment(state, {}, {.max_moves = 0}, budget).moves.empty());
  CHECK(defragment(state, {}, {.max_moves = 1}, budget).moves.size() == 1);
  CHECK(defragment(state, {}, {.max_moves = 9}, budget).moves.size() == 2);
  CHECK(defragment(state, {}, {.max_moves = 9, .min_gain = 1'000'000}, budget).moves.empty());
}

}  // namespace
}  // namespace stowage::engine
