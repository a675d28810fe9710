#include <functional>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "gpu-scheduler/engine/place_window.h"
#include "gpu-scheduler/engine/policy.h"
#include "gpu-scheduler/engine/preempt.h"
#include "test/unit/gpu-scheduler/engine/world.h"

/// Each word of a policy pulls in the direction that it says, and what no policy can mean is refused by name.
namespace stowage::engine {
namespace {

using namespace test;

void run_pod(ClusterState& state, NodeIndex node, int gpus, int32_t priority = 0) {
  auto id = state.intern(gpu_pod(gpus));
  REQUIRE(id);
  REQUIRE(state.add_pod({.pod_class = *id, .node = node, .priority = priority}));
}

/// Node "used" has one of its eight GPUs left, "idle" all; the tie of names goes once each way.
std::string chosen(const PolicyConfig& config, bool used_is_first) {
  auto policy = Policy::from_config(config);
  REQUIRE(policy);
  ClusterState state;
  auto used = add(state, NodeBuilder(used_is_first ? "a" : "z").gpus(8));
  add(state, NodeBuilder("m").gpus(8));
  run_pod(state, used, 7);
  auto decision = place_now(state, demand(state, gpu_pod(1)), *policy);
  REQUIRE(decision.placed());
  return decision.bindings[0].node == used ? "used" : "idle";
}

TEST_CASE("words for full or empty nodes: pack packs, spread spreads") {
  struct Row {
    std::string name;
    PolicyConfig config;
    std::string node;
  };
  const std::vector<Row> rows{
      {"BestFit", {.strategy = "BestFit"}, "used"},
      {"FGD", {.strategy = "FGD"}, "used"},
      {"Spread", {.strategy = "Spread"}, "idle"},
      {"packing over Spread", {.strategy = "Spread", .packing = 1000}, "used"},
      {"spread over BestFit", {.strategy = "BestFit", .spread = 1000}, "idle"},
      {"spread over FGD without weight", {.strategy = "FGD", .fragmentation = 0, .spread = 1}, "idle"},
      {"packing with FGD without weight", {.strategy = "FGD", .fragmentation = 0, .packing = 1}, "used"},
      {"spread over Packability without weight",
       {.strategy = "Packability", .fragmentation = 0, .spread = 1},
       "idle"},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    CHECK(chosen(row.config, true) == row.node);
    CHECK(chosen(row.config, false) == row.node);
  }
}

TEST_CASE("FGD and Packability: a half goes to the device that a half has broken, not to a whole one") {
  for (const char* strategy : {"FGD", "Packability"}) {
    for (const char* broken : {"a", "z"}) {
      INFO(strategy << " " << broken);
      auto policy = Policy::from_config({.strategy = strategy});
      REQUIRE(policy);
      ClusterState state;
      auto node = add(state, NodeBuilder(broken).gpus(8).shareable());
      add(state, NodeBuilder("m").gpus(8).shareable());
      auto half = state.intern(share_pod(500));
      REQUIRE(half);
      REQUIRE(state.add_pod({.pod_class = *half, .node = node}));
      auto decision = place_now(state, demand(state, share_pod(500)), *policy);
      REQUIRE(decision.placed());
      CHECK(decision.bindings[0].node == node);
      CHECK(decision.bindings[0].devices == 1);
    }
  }
}

TEST_CASE("fragmentation: a little of it loses against the price, much of it wins") {
  auto node = [](double fragmentation) {
    auto policy = Policy::from_config({.strategy = "FGD", .fragmentation = fragmentation, .cost = 10});
    REQUIRE(policy);
    ClusterState state;
    auto used = add(state, NodeBuilder("used").gpus(8).price(2'000'000));
    add(state, NodeBuilder("idle").gpus(8).price(1'000'000));
    run_pod(state, used, 7);
    auto decision = place_now(state, demand(state, gpu_pod(1)), *policy);
    REQUIRE(decision.placed());
    return state.node_name(decision.bindings[0].node);
  };
  CHECK(node(0) == "idle");
  CHECK(node(1000) == "used");
}

TEST_CASE("cost: the cheaper node, whatever its name; without the word the first name") {
  auto node = [](double cost, std::string strategy) {
    auto policy = Policy::from_config({.strategy = std::move(strategy), .cost = cost});
    REQUIRE(policy);
    ClusterState state;
    add(state, NodeBuilder("a").gpus(8).price(3'000'000));
    add(state, NodeBuilder("z").gpus(8).price(2'000'000));
    return state.node_name(place_now(state, demand(state, gpu_pod(1)), *policy).bindings.at(0).node);
  };
  for (const char* strategy : {"BestFit", "FGD", "Packability", "Spread"}) {
    INFO(strategy);
    CHECK(node(10, strategy) == "z");
    CHECK(node(0, strategy) == "a");
  }
}

TEST_CASE("topology: a gang that asks for no level stays together; without the word it goes where it packs") {
  auto racks = [](double topology) {
    auto policy = Policy::from_config({.strategy = "BestFit", .topology = topology});
    REQUIRE(policy);
    ClusterState state;
    // By packing alone: first "a" (one GPU is left), then "b" in the other rack.
    for (auto [name, rack, used] : {std::tuple{"a", "r1", 7}, {"b", "r2", 7}, {"c", "r1", 0}}) {
      auto node = add(state, NodeBuilder(name).gpus(8).rack(rack));
      if (used > 0) run_pod(state, node, used);
    }
    std::set<std::string> out;
    for (const auto& binding : place_now(state, demand(state, gpu_pod(1), 2), *policy).bindings)
      out.insert(state.node(binding.node).spec->labels.at("stowage.dev/rack"));
    return out;
  };
  CHECK(racks(0) == std::set<std::string>{"r1", "r2"});
  CHECK(racks(1000) == std::set<std::string>{"r1"});
}

TEST_CASE("weightsLocality: the node that holds the model's weights; without the word the fuller one") {
  auto node = [](double locality, std::string model) {
    auto policy = Policy::from_config({.strategy = "BestFit", .weights_locality = locality});
    REQUIRE(policy);
    ClusterState state;
    run_pod(state, add(state, NodeBuilder("full").gpus(8)), 7);
    auto holder = NodeBuilder("holder").gpus(8);
    holder.spec.cached_models = {"hf://a/small", "hf://b/large"};
    add(state, std::move(holder));
    auto pod = gpu_pod(1);
    pod.model = std::move(model);
    return state.node_name(place_now(state, demand(state, pod), *policy).bindings.at(0).node);
  };
  CHECK(node(1000, "hf://b/large") == "holder");
  CHECK(node(0, "hf://b/large") == "full");
  CHECK(node(1000, "hf://c/other") == "full");
  CHECK(node(1000, "") == "full");
}

TEST_CASE("terms of a placement's score: by the words that made them, and their sum decided") {
  auto policy = Policy::from_config(
      {.strategy = "BestFit", .packing = 10, .topology = 50, .cost = 20, .weights_locality = 40});
  REQUIRE(policy);
  ClusterState state;
  auto dear = NodeBuilder("a").gpus(8).rack("r1").price(2'000'000);
  dear.spec.cached_models = {"hf://b/large"};
  add(state, std::move(dear));
  auto pod = gpu_pod(1);
  pod.model = "hf://b/large";
  const auto wanted = demand(state, pod, 2);
  const auto decision = place_now(state, wanted, *policy);
  REQUIRE(decision.placed());
  const auto digest = state.digest();
  std::map<std::string, int64_t> terms;
  for (const auto& term : explain_placement(state, wanted, decision, *policy))
    terms[term.name] = term.value;
  CHECK(state.digest() == digest);
  CHECK(terms.at("weightsLocality") == 40 * 100);
  CHECK(terms.at("cost") == -20 * 100);
  CHECK(terms.at("topology") == 50 * 100);
  CHECK(terms.at("BestFit") == 10 * terms.at("packing"));
  CHECK_FALSE(terms.contains("spread"));
}

TEST_CASE("tiers: the most wanted that has room, then the next, never one that is not permitted") {
  ClusterState state;
  for (auto [name, tier] : {std::pair{"a", Tier::kSpot}, {"b", Tier::kOnDemand}, {"c", Tier::kReserved}}) {
    auto node = NodeBuilder(name).gpus(1);
    node.spec.tier = tier;
    add(state, std::move(node));
  }
  auto pod = gpu_pod(1);
  pod.tiers = {Tier::kReserved, Tier::kOnDemand};
  auto wanted = demand(state, pod);
  CHECK(state.node_name(place_now(state, wanted).bindings.at(0).node) == "c");
  CHECK(state.node_name(place_now(state, wanted).bindings.at(0).node) == "b");
  CHECK_FALSE(place_now(state, wanted).placed());
}

TEST_CASE("topologyLevels: preferred takes the tightest level that has room, in the policy's order") {
  ClusterState state({{"hall", {"hall"}}, {"row", {"row"}}});
  add(state, NodeBuilder("a1").gpus(8).label("hall", "h1").label("row", "r1"));
  add(state, NodeBuilder("b1").gpus(8).label("hall", "h2").label("row", "r2"));
  add(state, NodeBuilder("b2").gpus(8).label("hall", "h2").label("row", "r2"));
  auto wanted = in_one(demand(state, gpu_pod(8), 2), "row", TopologyRequest::Mode::kPreferred);
  auto first = place_now(state, wanted);
  REQUIRE(first.placed());
  CHECK(first.why.domain == "r2");
  CHECK_FALSE(place_now(state, in_one(demand(state, gpu_pod(1)), "rack")).placed());
}

TEST_CASE("priority in a window: the more important demand gets the last room, though it came later") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(4));
  auto low = demand(state, gpu_pod(4), 1, "ns/low");
  auto high = demand(state, gpu_pod(4), 1, "ns/high");
  low.arrival = 1;
  high.arrival = 2;
  high.priority = 10;
  auto budget = WorkBudget::unlimited();
  const std::vector<Demand> queue{low, high};
  auto decisions = place_window(state, queue, Policy{}, {}, budget);
  REQUIRE(decisions);
  CHECK_FALSE(decisions->at(0).placed());
  CHECK(decisions->at(1).placed());
}

Decision preempt_with(const PolicyConfig& config, int victims) {
  auto policy = Policy::from_config(config);
  REQUIRE(policy);
  ClusterState state;
  auto a = add(state, NodeBuilder("a").gpus(victims));
  for (int i = 0; i < victims; ++i)
    run_pod(state, a, 1, 1);
  auto wanted = demand(state, gpu_pod(victims));
  wanted.priority = 10;
  auto budget = WorkBudget::unlimited();
  return preempt(state, wanted, *policy, budget);
}

TEST_CASE("preemption.mode: LowerPriority evicts, Never does not and says so") {
  CHECK(preempt_with({.preemption_mode = "LowerPriority"}, 2).evictions.size() == 2);
  auto never = preempt_with({.preemption_mode = "Never"}, 2);
  CHECK(never.evictions.empty());
  CHECK(never.why.message == "the policy does not preempt");
}

TEST_CASE("preemption.maxVictims: as many leave, one more is too many") {
  CHECK(preempt_with({.preemption_max_victims = 4}, 4).evictions.size() == 4);
  CHECK(preempt_with({.preemption_max_victims = 3}, 4).evictions.empty());
}

TEST_CASE("policy that nothing can mean: the error names the field") {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  struct Row {
    std::string field;
    std::function<void(PolicyConfig&)> edit;
  };
  std::vector<Row> rows;
  for (double bad : {kNan, kInf, -kInf, -1.0, -0.01, 1000.5, 1e300}) {
    rows.push_back({"score.fragmentation", [bad](auto& c) { c.fragmentation = bad; }});
    rows.push_back({"score.packing", [bad](auto& c) { c.packing = bad; }});
    rows.push_back({"score.cost", [bad](auto& c) { c.cost = bad; }});
    rows.push_back({"score.spread", [bad](auto& c) { c.spread = bad; }});
  }
  for (int64_t bad :
       {int64_t{-1}, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    rows.push_back({"preemption.maxVictims", [bad](auto& c) { c.preemption_max_victims = bad; }});
    rows.push_back({"preemption.cooldown", [bad](auto& c) { c.preemption_cooldown_seconds = bad; }});
  }
  rows.push_back({"preemption.maxVictims", [](auto& c) { c.preemption_max_victims = 0; }});
  for (const char* bad : {"", "bestfit", "BestFit ", "Random"}) {
    rows.push_back({"strategy", [bad](auto& c) { c.strategy = bad; }});
    rows.push_back({"preemption.mode", [bad](auto& c) { c.preemption_mode = bad; }});
  }
  rows.push_back({"score.spread", [](auto& c) { c.packing = c.spread = 1; }});
  for (const auto& row : rows) {
    PolicyConfig config;
    row.edit(config);
    auto policy = Policy::from_config(config);
    INFO(row.field);
    REQUIRE_FALSE(policy);
    CHECK(policy.error().code == Code::kInvalidArgument);
    CHECK(policy.error().message.starts_with(row.field + ": "));
  }
}

TEST_CASE("levels that contradict each other: refused by name, the state keeps its own") {
  ClusterState state;
  const auto before = state.topology_levels();
  for (auto& [levels, words] : std::vector<std::pair<std::vector<TopologyLevel>, std::string>>{
           {{{"rack", {"a"}}, {"zone", {"b"}}, {"rack", {"c"}}}, "\"rack\" stands twice"},
           {{{"", {"a"}}}, "has no name"},
           {{{"rack", {}}}, "topologyLevels.rack"},
           {{{"zone", {"a", "b"}}, {"rack", {"c", "a"}}},
            "topologyLevels.rack: label \"a\" stands for level zone"},
           {{{"zone", {"a"}}, {"rack", {"b"}}, {"aisle", {"a"}}}, "topologyLevels.aisle"},
           {std::vector<TopologyLevel>(17, {"x", {"y"}}), "at most 16"}}) {
    auto done = state.set_topology_levels(levels);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Code::kInvalidArgument);
    CHECK(done.error().message.find(words) != std::string::npos);
    CHECK(state.topology_levels() == before);
  }
}

TEST_CASE("demand that nothing can mean: its field is named, on an empty cluster too, nothing is held") {
  for (bool empty : {false, true}) {
    ClusterState state;
    if (!empty) add(state, NodeBuilder("a").gpus(8));
    auto good = demand(state, gpu_pod(1));
    struct Row {
      std::string field;
      std::function<void(Demand&)> edit;
    };
    const std::vector<Row> rows{
        {"parts: ", [](Demand& d) { d.parts.clear(); }},
        {"parts.count: ", [](Demand& d) { d.parts[0].count = 0; }},
        {"parts.count: ", [](Demand& d) { d.parts[0].count = std::numeric_limits<int32_t>::min(); }},
        {"parts: ", [](Demand& d) { d.parts[0].count = std::numeric_limits<int32_t>::max(); }},
        {"parts.class: ", [](Demand& d) { d.parts[0].pod_class = kNone; }},
        {"parts.members: ", [](Demand& d) { d.parts[0].members.resize(3); }},
        {"topology.level: ", [](Demand& d) { d.topology = {TopologyRequest::Mode::kRequired, "galaxy"}; }},
        {"spread.level: ", [](Demand& d) { d.spread.level = "galaxy"; }},
        {"joined: ", [](Demand& d) { d.joined = {99}; }},
    };
    const auto before = state.digest();
    for (const auto& row : rows) {
      INFO(row.field);
      auto bad = good;
      row.edit(bad);
      auto decision = place_now(state, bad);
      CHECK_FALSE(decision.placed());
      CHECK(decision.why.reason == "InvalidDemand");
      CHECK(decision.why.message.starts_with(row.field));
      CHECK(state.digest() == before);
    }
    auto decision = place_now(state, good);
    CHECK(decision.placed() == !empty);
    if (empty) CHECK(decision.why.reason == "NoNodes");
  }
}

}  // namespace
}  // namespace stowage::engine
