#include "gpu-scheduler/replay/policy_file.h"

#include <catch2/catch.hpp>
#include <string>

#include "kube/runtime/text_file.h"
#include "kube/runtime/yaml_tree.h"

namespace stowage::replay {
namespace {

constexpr std::string_view kHead =
    "apiVersion: stowage.dev/v1alpha1\n"
    "kind: SchedulingPolicy\n"
    "metadata: {name: mine}\n";

Result<PolicyFile> with_spec(std::string_view spec) {
  return read_policy(std::string(kHead) + "spec:\n" + std::string(spec), "p.yaml");
}

std::string error_of(const Result<PolicyFile>& result) {
  return result ? "accepted" : result.error().message;
}

TEST_CASE("policy with every key: becomes the engine's policy") {
  auto file = with_spec(
      "  strategy: FGD\n"
      "  score: {fragmentation: 1, packing: 2, topology: 3, cost: 4, weightsLocality: 5, spread: 0}\n"
      "  preemption: {mode: Never, maxVictims: 7}\n"
      "  topologyLevels:\n"
      "    - {name: hall, labels: [example.com/hall]}\n"
      "    - {name: rack, labels: [a, b]}\n");
  REQUIRE(file);
  CHECK(file->name == "mine");
  CHECK(file->policy.strategy == engine::Strategy::kFgd);
  CHECK(file->policy.fragmentation == 1);
  CHECK(file->policy.packing == 2);
  CHECK(file->policy.topology == 3);
  CHECK(file->policy.cost == 4);
  CHECK(file->policy.weights_locality == 5);
  CHECK_FALSE(file->policy.preemption);
  CHECK(file->policy.max_victims == 7);
  CHECK(file->levels ==
        std::vector<engine::TopologyLevel>{{"hall", {"example.com/hall"}}, {"rack", {"a", "b"}}});
  CHECK(file->hash.size() == 16);
}

TEST_CASE("policy with an empty spec: every default, the built-in levels") {
  auto file = read_policy(std::string(kHead) + "spec: {}\n", "p.yaml");
  REQUIRE(file);
  CHECK(file->policy.fingerprint() == engine::Policy{}.fingerprint());
  CHECK(file->levels == engine::default_topology_levels());
}

TEST_CASE("object as kubectl prints it, with a BOM and CRLF: is read") {
  std::string text =
      "\xEF\xBB\xBF"
      "apiVersion: stowage.dev/v1alpha1\nkind: SchedulingPolicy\n"
      "metadata:\n  name: default\n  uid: \"1\"\n  managedFields: [{manager: kubectl}]\n"
      "spec:\n  strategy: Spread\nstatus:\n  configHash: abc\n";
  std::string crlf;
  for (char c : text)
    crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  auto file = read_policy(crlf, "p.yaml");
  REQUIRE(file);
  CHECK(file->policy.strategy == engine::Strategy::kSpread);
}

TEST_CASE("the catalogue's policy: is read") {
  auto file = load_policy(STOWAGE_SOURCE_DIR "/crds/catalogue/schedulingpolicy.yaml");
  REQUIRE(file);
  CHECK(file->name == "default");
}

TEST_CASE("mistake in a policy: file, line and column, and what is wanted") {
  struct Case {
    std::string spec, error;
  };
  for (const auto& [spec, error] : std::vector<Case>{
           {"  strategie: FGD\n",
            "p.yaml:5:3: unknown key \"spec.strategie\"; known here: strategy, score, preemption, "
            "gang, topologyLevels"},
           {"  strategy: Tetris\n",
            "p.yaml:5:13: strategy: \"Tetris\" is none of Packability, FGD, BestFit, Spread"},
           {"  strategy: 3\n", "p.yaml:5:13: spec.strategy must be a text, not \"3\""},
           {"  strategy: FGD\n  strategy: FGD\n",
            "p.yaml:6:3: the key \"strategy\" comes twice, first in line 5; remove one"},
           {"  score:\n    cost: much\n",
            "p.yaml:6:11: spec.score.cost must be a whole number, not \"much\""},
           {"  score:\n    cost: 2.5\n", "p.yaml:6:11: spec.score.cost must be a whole number, not \"2.5\""},
           {"  score:\n    cost: .nan\n",
            "p.yaml:6:11: spec.score.cost must be a whole number, not \".nan\""},
           {"  score:\n    cost: \"5\"\n", "p.yaml:6:11: spec.score.cost must be a whole number, not \"5\""},
           {"  score:\n    cost: 99999999999999999999\n",
            "p.yaml:6:11: spec.score.cost must be a whole number, not \"99999999999999999999\""},
           {"  score:\n    cost: -1\n", "p.yaml:6:11: score.cost: must be a number from 0 to 1000, not -1"},
           {"  score:\n    cost: 1001\n",
            "p.yaml:6:11: score.cost: must be a number from 0 to 1000, not 1001"},
           {"  score:\n    topology: -1\n",
            "p.yaml:6:15: score.topology: must be a number from 0 to 1000, not -1"},
           {"  score:\n    weightsLocality: 1001\n",
            "p.yaml:6:22: score.weightsLocality: must be a number from 0 to 1000, not 1001"},
           {"  score:\n    packing: 1\n    spread: 1\n",
            "p.yaml:7:13: score.spread: contradicts score.packing, one of them must be 0"},
           {"  score: [1]\n", "p.yaml:5:10: spec.score must be a mapping"},
           {"  preemption: {maxVictims: 0}\n",
            "p.yaml:5:28: preemption.maxVictims: must be from 1 to 100000, not 0"},
           {"  preemption: {mode: Sometimes}\n",
            "p.yaml:5:22: preemption.mode: \"Sometimes\" is neither Never nor LowerPriority"},
           {"  topologyLevels: [{name: rack, labels: [a]}, {name: rack, labels: [b]}]\n",
            "p.yaml:5:19: topologyLevels: \"rack\" stands twice"},
           {"  topologyLevels: [{name: rack, labels: []}]\n",
            "p.yaml:5:19: topologyLevels.rack: names no node label"},
           {"  topologyLevels: [{labels: [a]}]\n", "p.yaml:5:19: topologyLevels: a level has no name"},
           {"  topologyLevels: rack\n", "p.yaml:5:19: spec.topologyLevels must be a list, not \"rack\""},
       }) {
    CAPTURE(spec);
    CHECK(error_of(with_spec(spec)) == error);
  }
}

TEST_CASE("file that is no SchedulingPolicy: says what one begins with") {
  CHECK(
      error_of(read_policy("", "p.yaml")) ==
      "p.yaml:1:1: want a SchedulingPolicy: a mapping that begins with \"apiVersion: stowage.dev/v1alpha1\"");
  CHECK(error_of(read_policy("- a\n", "p.yaml")).starts_with("p.yaml:1:1: want a SchedulingPolicy"));
  CHECK(error_of(read_policy("apiVersion: v1\nkind: Pod\n", "p.yaml")) ==
        "p.yaml:1:13: apiVersion must be stowage.dev/v1alpha1, not \"v1\"");
  CHECK(error_of(read_policy("apiVersion: stowage.dev/v1alpha1\nkind: CapacityPool\n", "p.yaml")) ==
        "p.yaml:2:7: kind must be SchedulingPolicy, not \"CapacityPool\"");
  CHECK(error_of(read_policy("apiVersion: stowage.dev/v1alpha1\nkind: SchedulingPolicy\nspec: {}\n",
                             "p.yaml")) == "p.yaml:1:1: metadata.name must be a text");
  CHECK(error_of(read_policy(kHead, "p.yaml")) ==
        "p.yaml:1:1: spec is missing; \"spec: {}\" takes every default");
  CHECK(error_of(read_policy(std::string(kHead) + "spec: {}\nsepc: {}\n", "p.yaml"))
            .starts_with("p.yaml:5:1: unknown key \"sepc\""));
  CHECK(error_of(read_policy("a: [", "p.yaml")).find(": not valid YAML: ") != std::string::npos);
  CHECK(error_of(load_policy("/nowhere/p.yaml")) ==
        "/nowhere/p.yaml: cannot be opened: No such file or directory");
  CHECK(error_of(load_policy("/")) == "/: is a folder, not a file");
}

/// Every key below `node`'s schema properties, each with a value of its type.
void check_keys(const kube::YamlNode& schema, const std::string& indent, std::string before) {
  auto child = [](const kube::YamlNode& node, std::string_view key) -> const kube::YamlNode* {
    for (const auto& entry : node.entries) {
      if (entry.key == key) return &entry.value;
    }
    return nullptr;
  };
  const auto* properties = child(schema, "properties");
  if (properties == nullptr) return;
  for (const auto& entry : properties->entries) {
    const std::string type = child(entry.value, "type")->text;
    const std::string line = before + indent + entry.key + ":";
    if (type == "object") {
      check_keys(entry.value, indent + "  ", line + "\n");
      continue;
    }
    INFO(line);
    if (type == "array" || entry.key == "strategy") continue;  // Tested above.
    CHECK((type == "integer" || type == "string"));
    CHECK(error_of(with_spec(line + (type == "string" ? " 10m\n" : " 1\n"))) == "accepted");
  }
}

TEST_CASE("every key of the CRD's spec: is known here") {
  auto text = kube::read_text_file(STOWAGE_SOURCE_DIR "/crds/schedulingpolicies.yaml", 1 << 20);
  REQUIRE(text);
  auto tree = kube::read_yaml(*text);
  REQUIRE(tree);
  const kube::YamlNode* at = &*tree;
  for (std::string_view key : {"spec", "versions"}) {
    for (const auto& entry : at->entries) {
      if (entry.key == key) {
        at = &entry.value;
        break;
      }
    }
  }
  at = &at->items.at(0);
  for (std::string_view key : {"schema", "openAPIV3Schema", "properties", "spec"}) {
    bool found = false;
    for (const auto& entry : at->entries) {
      if (entry.key != key) continue;
      at = &entry.value;
      found = true;
      break;
    }
    REQUIRE(found);
  }
  check_keys(*at, "  ", "");
}

}  // namespace
}  // namespace stowage::replay
