#include "gpu-scheduler/replay/scenario.h"

#include <catch2/catch.hpp>

namespace stowage::replay {
namespace {

ScenarioRun play(const std::string& text) {
  auto scenario = read_scenario(text, "s.yaml");
  INFO((scenario ? "" : scenario.error().message));
  REQUIRE(scenario);
  auto run = run_scenario(*scenario, scenario->policy.policy);
  REQUIRE(run);
  return *std::move(run);
}

std::string refusal(const std::string& text) {
  auto scenario = read_scenario(text, "s.yaml");
  REQUIRE(!scenario);
  CHECK(scenario.error().code == Code::kInvalidArgument);
  return scenario.error().message;
}

TEST_CASE("a pod leaves: the one that waits longest gets its room at that instant") {
  const auto run = play(R"(
nodes:
- {name: n, gpus: 1}
pods:
- {name: first, gpus: 1, lifetime: 1m}
- {name: late, at: 20s, gpus: 1, lifetime: 1m}
- {name: early, at: 10s, gpus: 1}
- {name: urgent, at: 30s, gpus: 1, priority: 5, lifetime: 1m}
until: 3m
)");
  std::vector<std::string> told;
  for (const auto& event : run.events) {
    if (event.what != ScenarioEvent::What::kWaits)
      told.push_back(std::to_string(event.at.count() / 1000) + " " + event.name + " " +
                     std::string(to_string(event.what)));
  }
  CHECK(told == std::vector<std::string>{"0 first placed", "60 first left", "60 urgent placed",
                                         "120 urgent left", "120 early placed"});
  CHECK(run.waiting == 1);
  CHECK(run.left == 2);
}

TEST_CASE("a gang with too little room: nothing of it is placed, and the reason is told") {
  const auto run = play(R"(
nodes:
- {name: n, count: 3, gpus: 1}
pods:
- {name: gang, count: 4, gang: true, gpus: 1}
- {name: single, count: 4, gpus: 1}
expect:
- {pods: gang, placed: 0, waiting: 4}
- {pods: single, placed: 3, waiting: 1}
)");
  CHECK(run.unmet.empty());
  REQUIRE(run.events.front().what == ScenarioEvent::What::kWaits);
  CHECK(!run.events.front().reason.empty());
  CHECK(run.allocated_percent == Approx(100));
}

TEST_CASE("expectations of nodes and domains: each that does not hold is named with its line") {
  const auto run = play(R"(
nodes:
- {name: a, gpus: 1, labels: {stowage.dev/rack: r1}}
- {name: b, gpus: 1, labels: {stowage.dev/rack: r2}}
pods:
- {name: web, count: 2, gpus: 1}
expect:
- {pods: web, nodes: [a]}
- {pods: web, nodes: [a, b], placed: 2}
- {pods: web, sameDomain: rack}
)");
  CHECK(run.failed == 2);
  CHECK(run.unmet == std::vector<std::string>{"s.yaml:8: web: on b, which is not among a",
                                              "s.yaml:10: web: not in one rack"});
}

TEST_CASE("a required level: the gang stays in one domain of it") {
  const auto run = play(R"(
policy: {strategy: Spread}
nodes:
- {name: a, count: 2, gpus: 1, labels: {stowage.dev/rack: r1}}
- {name: b, count: 2, gpus: 1, labels: {stowage.dev/rack: r2}}
pods:
- {name: gang, count: 2, gang: true, gpus: 1, topology: {level: rack}}
expect:
- {pods: gang, placed: 2, sameDomain: rack}
)");
  CHECK(run.unmet.empty());
}

TEST_CASE("the run ends at until: who would leave later stays") {
  const std::string world = "nodes: [{name: n, gpus: 1}]\npods: [{name: p, gpus: 1, lifetime: 1m}]\nuntil: ";
  CHECK(play(world + "59s").placed == 1);
  CHECK(play(world + "60s").left == 1);
}

TEST_CASE("mistakes in the file: named with line and column") {
  const std::string nodes = "nodes: [{name: n, gpus: 1}]\n";
  CHECK(refusal("nodes: [").starts_with("s.yaml:"));
  CHECK(refusal("[]") == "s.yaml:1:1: must be a mapping");
  CHECK(refusal("pods: []") == "s.yaml:1:1: nodes: want at least one entry");
  CHECK(refusal(nodes) == "s.yaml:1:1: pods: want at least one entry");
  const std::vector<std::pair<std::string, std::string>> cases{
      {"pods: [{name: p, gpus: -1}]", "s.yaml:2:24: pods[0].gpus: must be a whole number from 0 to 64"},
      {"pods: [{gpus: 1}]", "s.yaml:2:8: pods[0].name: is missing"},
      {"pods: [{name: p}, {name: p}]", "s.yaml:2:26: pods[1].name: \"p\" comes twice"},
      {"pods: [{name: p, gpus: 2, share: 500}]", "s.yaml:2:34: pods[0].share: goes with gpus: 1 only"},
      {"pods: [{name: p, cpu: -2}]",
       "s.yaml:2:23: pods[0].cpu: \"-2\" is no quantity of 0 or more, like 16Gi or 500m"},
      {"pods: [{name: p, memory: 1e99}]",
       "s.yaml:2:26: pods[0].memory: \"1e99\" is no quantity of 0 or more, like 16Gi or 500m"},
      {"pods: [{name: p, at: soon}]",
       "s.yaml:2:22: pods[0].at: must be a duration of 0 or more, like 90s or 1h30m"},
      {"pods: [{name: p, gang: maybe}]", "s.yaml:2:24: pods[0].gang: must be true or false"},
      {"pods: [{name: p, count: 1000000}]",
       "s.yaml:2:25: pods[0].count: must be a whole number from 1 to 100000"},
      {"pods: [{name: p, topology: {level: rack}}]",
       "s.yaml:2:28: pods[0].topology: goes with gang: true only"},
      {"pods: [{name: p}]\nexpect: [{pods: q}]", "s.yaml:3:17: expect[0].pods: no entry \"q\" in pods"},
      {"pods: [{name: p}]\nexpect: [{pods: p, nodes: [m]}]",
       "s.yaml:3:27: expect[0].nodes: there is no node \"m\""},
      {"pods: [{name: p, at: 5s}]\nuntil: 4s",
       "s.yaml:3:8: until: is before the last arrival or expectation"},
  };
  for (const auto& [text, sentence] : cases)
    CHECK(refusal(nodes + text) == sentence);
  CHECK(refusal(nodes + "pods: [{name: p, gang: true, topology: {level: shelf}}]")
            .starts_with("s.yaml:2:48: pods[].topology.level: \"shelf\" is no topology level; known: "));
  CHECK(refusal("policy: {strategy: Tetris}\n" + nodes).starts_with("s.yaml:1:20: strategy: \"Tetris\""));
}

constexpr const char* kProfiles = STOWAGE_SOURCE_DIR "/sandbox/profiles";

TEST_CASE("nodes of a profile: products, taints and racks are those of the profile") {
  auto scenario = read_scenario(R"(
nodes:
- {profile: h100x8, count: 8}
- {profile: l4x1, first: 3, count: 2}
- {name: plain, gpus: 1}
pods:
- {name: train, count: 4, gang: true, gpus: 8, products: [NVIDIA-H100-80GB-HBM3], topology: {level: rack}}
- {name: wide, count: 5, gang: true, gpus: 8, topology: {level: rack}}
- {name: small, gpus: 1, products: [NVIDIA-L4]}
- {name: tolerant, count: 3, gpus: 1, products: [NVIDIA-L4], tolerates: [nvidia.com/gpu]}
- {name: share, gpus: 1, share: 500, products: [NVIDIA-H100-80GB-HBM3]}
- {name: other, gpus: 1, gpuResource: amd.com/gpu}
expect:
- {pods: train, placed: 4, sameDomain: rack}
- {pods: wide, waiting: 5}
- {pods: small, waiting: 1}
- {pods: tolerant, placed: 2, waiting: 1}
- {pods: share, waiting: 1}
- {pods: other, waiting: 1}
)",
                                "s.yaml", kProfiles);
  INFO((scenario ? "" : scenario.error().message));
  REQUIRE(scenario);
  REQUIRE(scenario->nodes.size() == 11);
  CHECK(scenario->nodes[7].name == "h100x8-0007");
  CHECK(scenario->nodes[8].labels.at("network.topology.nvidia.com/leaf") == "l4-leaf-0000");
  CHECK(scenario->nodes[8].name.ends_with("0003"));
  const auto run = run_scenario(*scenario, scenario->policy.policy);
  REQUIRE(run);
  CHECK(run->unmet.empty());
}

TEST_CASE("mistakes about profiles: named with line and column") {
  const auto refused = [](const std::string& nodes) {
    auto scenario = read_scenario("nodes:\n" + nodes + "\npods: [{name: p}]", "s.yaml", kProfiles);
    REQUIRE(!scenario);
    return scenario.error().message;
  };
  CHECK(refused("- {profile: toaster}").starts_with("s.yaml:2:13: nodes[0].profile: "));
  CHECK(refused("- {profile: h100x8, gpus: 4}") ==
        "s.yaml:2:21: nodes[0].gpus: unknown key; known here: profile, count, first");
  CHECK(refused("- {profile: h100x8, count: 3}\n- {profile: h100x8, first: 2}") ==
        "s.yaml:3:13: nodes[1].profile: node \"h100x8-0002\" comes twice: give another first");
  CHECK(refused("- {profile: h100x8, count: 0}") ==
        "s.yaml:2:28: nodes[0].count: must be a whole number from 1 to 100000");
}

TEST_CASE("the same scenario twice: the same events") {
  const std::string text = R"(
nodes:
- {name: n, count: 5, gpus: 4}
pods:
- {name: a, count: 20, gpus: 1, share: 300, lifetime: 50s}
- {name: b, at: 10s, count: 3, gang: true, gpus: 3}
until: 2m
)";
  const auto one = play(text);
  const auto two = play(text);
  REQUIRE(one.events.size() == two.events.size());
  for (size_t i = 0; i < one.events.size(); ++i)
    CHECK(one.events[i].nodes == two.events[i].nodes);
}

}  // namespace
}  // namespace stowage::replay
