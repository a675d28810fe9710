#include "sandbox/scenario/scenario.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../apiserver/api.h"
#include "sandbox/scenario/timeline.h"
#include "test/support/temp_folder.h"

namespace stowage::sandbox {
namespace {

using nlohmann::json;

const char* const kHead = "apiVersion: sandbox.stowage.dev/v1alpha1\nkind: Scenario\n";  // two lines

/// Reads `text` behind the head, from a file.
Result<Scenario> read(const std::string& text, const std::string& beside = "") {
  const TempFolder folder;
  std::ofstream(folder.file("s.yaml")) << kHead << text;
  if (!beside.empty()) std::ofstream(folder.file("m.yaml")) << beside;
  return read_scenario(folder.file("s.yaml"));
}

/// What is wrong, without the folder.
std::string mistake(const std::string& text, const std::string& beside = "") {
  const auto scenario = read(text, beside);
  if (scenario) return "";
  const std::string& message = scenario.error().message;
  return message.substr(message.find("s.yaml"));
}

}  // namespace

TEST_CASE("object with bytes that are no UTF-8: applied with a mark in their place") {
  const auto scenario = read(
      "cluster: {nodes: []}\nsteps:\n- apply: {kind: ConfigMap, apiVersion: v1, metadata: {name: "
      "\"a\xbd\"}}\n");
  REQUIRE(scenario);
  CHECK(json::parse(scenario->steps.at(0).objects.at(0))["metadata"]["name"] == "a\xef\xbf\xbd");
}

TEST_CASE("scenario with everything in it: read as written") {
  const auto scenario = read(R"(description: for people
cluster:
  nodes: [{profile: h100x8, count: 8, first: 2}]
  kubelet: {imagePull: 1s, warmUp: 2s, loadPerGiB: 3ms, cachedLoadPerGiB: 4ms, termination: 5s, podGarbageCollection: 6s}
faults:
  - {kind: spotNotice, nodes: pool=spot, every: 10m, notice: 30s}
  - {kind: nodeNotReady, every: 5m, for: 1m}
steps:
  - apply: m.yaml
  - apply: {kind: ConfigMap, data: {a: "1"}}
  - patch: {name: qwen, merge: {spec: {replicas: 3}}}
  - delete: {kind: Pod, namespace: x, name: p}
  - spotNotice: {ofPod: p, notice: 1m, grace: 5s}
  - nodeNotReady: {node: n, for: 5m}
  - nodeReady: {node: n}
  - traffic: {to: qwen, requestsPerSecond: "0s=1,60s=20"}
  - restart: operator
  - wait: 30s
  - expect: {within: 1m, metric: {of: qwen, series: x, atLeast: 1.5}}
  - expect: {log: {pod: p, contains: words}}
  - expect: {pods: {of: qwen, count: 3, domains: {rack: 1}}}
)",
                             "kind: A\n---\nkind: B\n");
  REQUIRE(scenario);
  CHECK(scenario->nodes[0].first == 2);
  CHECK(scenario->times.cached_load_per_gib == Millis{4});
  CHECK(scenario->faults[0].kind == SeededFault::Kind::kNotice);
  CHECK(scenario->faults[0].grace == Millis{15'000});
  CHECK(scenario->faults[1].span == Millis{60'000});
  const auto& steps = scenario->steps;
  REQUIRE(steps.size() == 13);
  CHECK(steps[0].objects.size() == 2);
  CHECK(json::parse(steps[1].objects[0])["data"]["a"] == "1");
  CHECK(steps[2].object.kind == "ModelDeployment");
  CHECK(steps[3].object.ns == "x");
  CHECK(steps[4].grace == Millis{5'000});
  CHECK(steps[5].span == Millis{300'000});
  CHECK(steps[7].traffic == "0s=1,60s=20");
  CHECK(steps[10].expect.at_least == 1.5);
  CHECK(steps[12].expect.domains.size() == 1);
  CHECK(steps[0].line == 11);
}

TEST_CASE("mistakes in a scenario: told with file, line and column") {
  struct Case {
    const char* text;
    const char* why;
  };
  const auto c = GENERATE(
      Case{"cluster: {}\nsteps:\n  - jump: 1s\n", "s.yaml:5:5: no step is called \"jump\"; there are:"},
      Case{"cluster: {}\nsteps:\n  - wait: soon\n", "s.yaml:5:11: \"wait\": soon is no duration"},
      Case{"cluster: {}\nsteps:\n  - {wait: 1s, restart: operator}\n",
           "s.yaml:5:5: a step is a mapping with one key"},
      Case{"cluster: {}\nsteps:\n  - restart: kubelet\n", "s.yaml:5:5: restart is operator or scheduler"},
      Case{"cluster: {}\nsteps: 1\n", "s.yaml:4:8: \"steps\" must be a list"},
      Case{"cluster: {}\n", "s.yaml:1:1: a scenario needs \"steps\""},
      Case{"cluster: {}\nsteps: []\nextra: 1\n", "s.yaml:5:1: a scenario has no \"extra\"; it has:"},
      Case{"cluster: {nodes: [{profile: a, count: -1}]}\nsteps: []\n",
           "s.yaml:3:39: \"count\" must be a whole number"},
      Case{"cluster: {nodes: [{count: 1}]}\nsteps: []\n", "s.yaml:3:19: a group of nodes needs \"profile\""},
      Case{"cluster: {kubelet: {warmUp: 1}}\nsteps: []\n", "s.yaml:3:29: \"warmUp\": 1 is no duration"},
      Case{"cluster: {}\nfaults:\n  - {kind: flood, every: 1m}\nsteps: []\n",
           "s.yaml:5:12: a fault's kind is"},
      Case{"cluster: {}\nfaults:\n  - {kind: loseNode, every: 1ms}\nsteps: []\n",
           "s.yaml:5:29: \"every\" must be at least 1s"},
      Case{"cluster: {}\nfaults:\n  - {kind: loseNode, nodes: a in (b), every: 1m}\nsteps: []\n",
           "s.yaml:5:29: \"nodes\": a in (b) is no label"},
      Case{"description: [a]\ncluster: {}\nsteps: []\n", "s.yaml:3:14: \"description\" must be a text"},
      Case{"cluster: {}\nsteps:\n  - loseNode: {}\n", "s.yaml:5:5: give \"node\" or \"ofPod\", one of them"},
      Case{"cluster: {}\nsteps:\n  - loseNode: {node: a, notice: 1m}\n",
           "s.yaml:5:25: the step has no \"notice\""},
      Case{"cluster: {}\nsteps:\n  - expect: {within: 1m}\n", "s.yaml:5:13: expect needs one of"},
      Case{"cluster: {}\nsteps:\n  - expect:\n      metric: {of: a, pod: b, series: s, atMost: 1}\n",
           "s.yaml:6:15: give \"pod\" or \"of\""},
      Case{"cluster: {}\nsteps:\n  - expect: {metric: {of: a, series: s}}\n", "s.yaml:5:22: metric needs"},
      Case{"cluster: {}\nsteps:\n  - expect: {metric: {of: a, series: s, atLeast: much}}\n",
           "s.yaml:5:50: \"atLeast\" must be a number"},
      Case{"cluster: {}\nsteps:\n  - traffic: {to: a, requestsPerSecond: x}\n",
           "s.yaml:5:41: \"requestsPerSecond\": x is neither"},
      Case{"cluster: {}\nsteps:\n  - apply: none.yaml\n", "s.yaml:5:5: "},
      Case{"cluster: {}\nsteps:\n  - apply: [1]\n",
           "s.yaml:5:5: apply needs an object or the name of a file"},
      Case{"cluster: {nodes: {profile: a}}\nsteps: []\n", "s.yaml:3:18: \"nodes\" must be a list"},
      Case{"cluster: {nodes: [{profile: [a], count: 1}]}\nsteps: []\n",
           "s.yaml:3:29: \"profile\" must be a text"},
      Case{"cluster: {}\nfaults: 1\nsteps: []\n", "s.yaml:4:9: \"faults\" must be a list"},
      Case{"cluster: {}\nsteps: []\ncluster: {}\n", "s.yaml:5"}, Case{"cluster: {\n", "s.yaml:"});
  CAPTURE(c.text);
  CHECK_THAT(mistake(c.text), Catch::StartsWith(c.why));
}

TEST_CASE("scenario of another version: refused, with the version that is read") {
  const TempFolder folder;
  std::ofstream(folder.file("s.yaml")) << "apiVersion: v9\nkind: Scenario\ncluster: {}\nsteps: []\n";
  CHECK_THAT(read_scenario(folder.file("s.yaml")).error().message,
             Catch::Contains("s.yaml:1:13: apiVersion must be sandbox.stowage.dev/v1alpha1"));
  CHECK_FALSE(read_scenario(folder.file("none.yaml")));
}

TEST_CASE("timeline: one line for what a person would notice, in the order of the writes") {
  Api api;
  json definition = {{"apiVersion", "apiextensions.k8s.io/v1"},
                     {"kind", "CustomResourceDefinition"},
                     {"metadata", {{"name", "modeldeployments.stowage.dev"}}},
                     {"spec",
                      {{"group", "stowage.dev"},
                       {"scope", "Namespaced"},
                       {"names", {{"plural", "modeldeployments"}, {"kind", "ModelDeployment"}}},
                       {"versions",
                        {{{"name", "v1alpha1"},
                          {"served", true},
                          {"storage", true},
                          {"schema",
                           {{"openAPIV3Schema",
                             {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}}}}}}}}}}};
  REQUIRE(api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition).status == 201);
  std::vector<std::string> told;
  Timeline timeline(api.server, [&](const Entry& e) {
    told.push_back(std::to_string(e.at.count()) + " " + e.kind + " " + e.name + ": " + e.what);
  });
  api.post("/api/v1/nodes", {{"metadata", {{"name", "n"}}}});
  api.post("/api/v1/namespaces/default/pods", pod("p"));
  timeline.poll(Millis{1}, api.now);
  api.merge("/api/v1/namespaces/default/pods/p", {{"metadata", {{"labels", {{"unseen", "x"}}}}}});
  timeline.poll(Millis{2}, api.now);
  api.merge("/api/v1/nodes/n", {{"spec", {{"taints", {{{"key", "k"}, {"effect", "NoSchedule"}}}}}}});
  api.post("/api/v1/namespaces/default/pods/p/binding",
           {{"metadata", {{"name", "p"}}}, {"target", {{"name", "n"}}}});
  api.remove("/api/v1/nodes/n");
  timeline.poll(Millis{3}, api.now);
  CHECK(told == std::vector<std::string>{"1 node n: there", "1 pod p: pending",
                                         "3 node n: there, taint k:NoSchedule", "3 pod p: bound to n",
                                         "3 node n: gone"});
}

}  // namespace stowage::sandbox
