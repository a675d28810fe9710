#include "sandbox/world/serving.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "../apiserver/api.h"
#include "sandbox/world/engine_metrics.h"
#include "sandbox/world/pod_addresses.h"
#include "sandbox/world/traffic.h"

namespace stowage::sandbox {
namespace {

using nlohmann::json;
using std::chrono::seconds;

/// A server whose pods run: one node, kubelets that start at once, engines under traffic.
struct World : Api {
  Serving serving{server, 7};
  Kubelets kubelets;

  explicit World(bool node_lifecycle = false)
      : kubelets(server, {.termination = Millis{1'000}, .node_lifecycle = node_lifecycle}) {
    server.attach(&serving);
    kubelets.tell(&serving);
    post("/api/v1/nodes",
         {{"metadata", {{"name", "n"}}},
          {"status",
           {{"allocatable", {{"cpu", "64"}, {"memory", "1Ti"}, {"pods", "110"}, {"nvidia.com/gpu", "8"}}},
            {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}});
  }

  void turn() {
    while (kubelets.step(now)) {
    }
    serving.step(now);
  }
  void pass(int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      now += seconds(1);
      turn();
    }
  }
  void run_engine(const std::string& name, const std::string& image, const std::string& rate) {
    json engine = pod(name);
    engine["metadata"]["annotations"] = {{std::string(kTrafficAnnotation), rate}};
    engine["spec"]["nodeName"] = "n";
    engine["spec"]["containers"][0]["image"] = image;
    engine["spec"]["containers"][0]["ports"] = json::array({{{"containerPort", 8000}}});
    REQUIRE(post("/api/v1/namespaces/default/pods", engine).status == 201);
    turn();
  }
  Response ask(const std::string& rest) {
    return raw("GET", "/api/v1/namespaces/default/pods/" + rest, "", "");
  }
  std::optional<double> metric(const std::string& name, const std::string& series) {
    return read_metric(ask(name + ":8000/proxy/metrics").body, series);
  }
};

}  // namespace

TEST_CASE("rates of traffic: numbers and traces are read, nonsense is not") {
  CHECK(parse_traffic("2.5")->at(Millis{0}) == 2.5);
  const auto trace = parse_traffic("0s=1, 60s=20,5m=0");
  REQUIRE(trace);
  CHECK(trace->at(Millis{59'999}) == 1);
  CHECK(trace->at(Millis{60'000}) == 20);
  CHECK(trace->at(Millis{900'000}) == 0);
  CHECK(trace->any_after(Millis{0}));
  CHECK_FALSE(trace->any_after(Millis{300'000}));
  for (const char* bad :
       {"", "x", "-1", "1e9", "nan", "inf", "60s=1,10s=2", "5=1", "1s=", "1s=1,,", "1s=1;2s=3"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_traffic(bad));
  }
}

TEST_CASE("engine below its limit: nothing waits, tokens add up") {
  ServingModel model({});
  for (int i = 0; i < 600; ++i)
    model.second(2);
  CHECK(model.waiting() == 0);
  CHECK(model.running() > 1);
  CHECK(model.prompt_tokens == Approx(600 * 2 * 512));
  CHECK(model.finished + model.running() == Approx(1200));
  CHECK(model.generated_tokens == Approx(model.finished * 128));
  CHECK(model.cache_usage() < 0.2);
}

TEST_CASE("engine beyond its limit: the queue grows, and goes away when the load does") {
  ServingModel model({});
  for (int i = 0; i < 60; ++i)
    model.second(200);
  const double queue = model.waiting();
  CHECK(queue > 1000);
  CHECK(model.cache_usage() > 0.2);
  CHECK(model.cache_usage() <= 1);
  for (int i = 0; i < 3600 && !model.idle(); ++i)
    model.second(0);
  CHECK(model.idle());
  CHECK(model.finished == Approx(12'000));
}

TEST_CASE("twice the devices: more throughput") {
  ServingModel one({.devices = 1, .weights_gib = 60});
  ServingModel two({.devices = 2, .weights_gib = 60});
  for (int i = 0; i < 60; ++i) {
    one.second(100);
    two.second(100);
  }
  CHECK(two.finished > one.finished * 1.3);
}

TEST_CASE("vLLM's page: the names of its version") {
  ServingModel model({});
  model.second(10);
  const std::string now = metrics_page(Engine::kVllm, "0.11.0", "m", model);
  const std::string before = metrics_page(Engine::kVllm, "0.9.2", "m", model);
  CHECK(read_metric(now, "vllm:kv_cache_usage_perc"));
  CHECK_FALSE(read_metric(now, "vllm:gpu_cache_usage_perc"));
  CHECK(read_metric(before, "vllm:gpu_cache_usage_perc"));
  CHECK(read_metric(before, "vllm:time_per_output_token_seconds_count"));
  CHECK(read_metric(now, "vllm:inter_token_latency_seconds_count"));
  CHECK(read_metric(now, "vllm:cache_config_info") == 1);
  CHECK(version_of("vllm/vllm-openai:v0.11.0") == "0.11.0");
  CHECK(version_of("registry:5000/vllm") == "");
  CHECK(version_of("x/vllm:latest") == "");
}

TEST_CASE("histogram: buckets rise to the count") {
  Histogram h({1, 2, 4});
  h.observe(1.5, 10);
  h.observe(100, 10);
  double all = 0;
  for (const double count : h.counts)
    all += count;
  CHECK(all == Approx(20));
  CHECK(h.total == 20);
  CHECK(h.counts.back() == Approx(10));
}

TEST_CASE("engine pod under traffic: its metrics are behind the pod's proxy") {
  const auto [image, series] =
      GENERATE(std::pair{"vllm/vllm-openai:v0.11.0", "vllm:num_requests_running"},
               std::pair{"lmsysorg/sglang:v0.5.3", "sglang:num_running_reqs"},
               std::pair{"ghcr.io/huggingface/text-generation-inference:3.3.5", "tgi_batch_current_size"},
               std::pair{"nvcr.io/nvidia/tritonserver:25.01", "nv_inference_queue_duration_us"});
  World world;
  world.run_engine("e", image, "30");
  world.pass(20);
  const auto value = world.metric("e", series);
  CAPTURE(image);
  REQUIRE(value);
  if (std::string_view(series) != "nv_inference_queue_duration_us") CHECK(*value > 0);
}

TEST_CASE("pod's proxy: what cannot be reached is refused as a real one refuses it") {
  World world;
  world.run_engine("e", "vllm/vllm-openai:v0.11.0", "1");
  world.turn();
  CHECK(world.ask("e:8000/proxy/health").status == 200);
  CHECK(world.ask("http:e:8000/proxy/v1/models").status == 200);
  CHECK(world.ask("e/proxy/none").status == 404);
  CHECK(world.ask("e:9999/proxy/metrics").status == 503);
  CHECK(world.ask("none/proxy/metrics").status == 404);
  world.post("/api/v1/namespaces/default/pods", pod("waiting"));
  CHECK(world.ask("waiting/proxy/metrics").status == 400);
  CHECK(world.ask("e/exec").status == 501);
}

TEST_CASE("same seed and traffic: the same numbers, whenever one looks") {
  World often;
  World once;
  for (World* world : {&often, &once})
    world->run_engine("e", "vllm/vllm-openai:v0.11.0", "12");
  often.pass(300);
  once.now += seconds(300);
  once.turn();
  CHECK(often.ask("e/proxy/metrics").body == once.ask("e/proxy/metrics").body);
}

TEST_CASE("log of an engine: its start, its traffic, its end; options choose among the lines") {
  World world;
  world.run_engine("e", "vllm/vllm-openai:v0.11.0", "5");
  world.pass(60);
  const std::string text = world.ask("e/log").body;
  CHECK_THAT(text, Catch::Contains("vLLM version 0.11.0") &&
                       Catch::Contains("application startup complete") &&
                       Catch::Contains("generation throughput"));
  const std::string tail = world.ask("e/log?tailLines=1").body;
  CHECK(std::count(tail.begin(), tail.end(), '\n') == 1);
  CHECK(text.ends_with(tail));
  CHECK(world.ask("e/log?limitBytes=10").body == text.substr(0, 10));
  CHECK_THAT(world.ask("e/log?timestamps=true&tailLines=1").body, Catch::StartsWith("2023-11-14T22:1"));
  CHECK_THAT(world.ask("e/log?sinceSeconds=15").body, !Catch::Contains("startup"));
  CHECK(world.ask("e/log?tailLines=-1").status == 422);
  CHECK(world.ask("e/log?container=none").status == 400);
  CHECK(world.ask("e/log?previous=true").status == 400);
  world.remove("/api/v1/namespaces/default/pods/e");
  world.turn();
  CHECK_THAT(world.ask("e/log").body, Catch::Contains("received SIGTERM"));
}

TEST_CASE("log of a pod without a node is empty, of one that starts it is refused") {
  World world;
  world.post("/api/v1/namespaces/default/pods", pod("p"));
  CHECK(world.ask("p/log").status == 200);
  CHECK(world.ask("p/log").body.empty());
  json bound = pod("b");
  bound["spec"]["nodeName"] = "nowhere";
  world.post("/api/v1/namespaces/default/pods", bound);
  const Response answer = world.ask("b/log");
  CHECK(answer.status == 400);
  CHECK_THAT(answer.body, Catch::Contains("is waiting to start: ContainerCreating"));
}

TEST_CASE(
    "node falls silent: taints, unready pods, eviction after their tolerations, all undone when it is back") {
  World world(true);
  world.run_engine("e", "vllm/vllm-openai:v0.11.0", "1");
  const auto report = [&](const char* status) {
    world.strategic("/api/v1/nodes/n/status",
                    {{"status", {{"conditions", {{{"type", "Ready"}, {"status", status}}}}}}});
    world.turn();
  };
  const auto get = [&] { return world.get("/api/v1/namespaces/default/pods/e").body; };
  const auto ready = [&] {
    const json status = get()["status"];
    for (const json& condition : status["conditions"]) {
      if (condition["type"] == "Ready") return condition["status"] == "True";
    }
    return false;
  };
  REQUIRE(ready());
  report("Unknown");
  CHECK(world.get("/api/v1/nodes/n").body["spec"]["taints"].size() == 2);
  CHECK_FALSE(ready());
  world.pass(200);
  CHECK_FALSE(get()["metadata"].contains("deletionTimestamp"));
  report("True");
  CHECK_FALSE(world.get("/api/v1/nodes/n").body["spec"].contains("taints"));
  CHECK(ready());
  report("False");
  world.pass(301);
  CHECK(get()["metadata"].contains("deletionTimestamp"));
  world.pass(100);
  CHECK(get()["kind"] == "Pod");  // nobody is there to end it
  report("True");
  world.pass(2);
  CHECK(world.get("/api/v1/namespaces/default/pods/e").status == 404);
}

TEST_CASE("addresses: a pod has its own as long as it lives, and its node's") {
  World world;
  world.strategic("/api/v1/nodes/n/status",
                  {{"status", {{"addresses", {{{"type", "InternalIP"}, {"address", "10.128.0.7"}}}}}}});
  json brought = pod("brought");  // as a snapshot has it
  brought["spec"]["nodeName"] = "n";
  const std::string pods = "/api/v1/namespaces/default/pods";
  REQUIRE(world.post(pods, brought).status == 201);
  world.strategic(
      pods + "/brought/status",
      {{"status", {{"phase", "Running"}, {"podIP", "10.244.0.2"}, {"podIPs", {{{"ip", "10.244.0.2"}}}}}}});
  const auto status = [&](const std::string& name) { return world.get(pods + "/" + name).body["status"]; };
  for (const char* name : {"a", "b", "c"})
    world.run_engine(name, "vllm/vllm-openai:v0.11.0", "1");
  CHECK(status("a")["podIP"] == "10.244.0.1");
  CHECK(status("b")["podIP"] == "10.244.0.3");
  CHECK(status("c")["podIPs"] == json({{{"ip", "10.244.0.4"}}}));
  CHECK(status("c")["hostIP"] == "10.128.0.7");
  CHECK(status("c")["hostIPs"] == json({{{"ip", "10.128.0.7"}}}));
  world.remove(pods + "/a", {{"gracePeriodSeconds", 0}});
  world.run_engine("a", "vllm/vllm-openai:v0.11.0", "1");
  CHECK(status("a")["podIP"] == "10.244.0.5");
  json shared = pod("shared");
  shared["spec"]["nodeName"] = "n";
  shared["spec"]["hostNetwork"] = true;
  REQUIRE(world.post(pods, shared).status == 201);
  world.turn();
  CHECK(status("shared")["podIP"] == "10.128.0.7");
}

TEST_CASE("addresses of pods: never a network's own, never one that is taken, again after all others") {
  PodAddresses addresses;
  std::set<std::string> seen;
  for (int i = 0; i < 300; ++i)
    CHECK(seen.insert(addresses.give()).second);
  CHECK(seen.contains("10.244.0.254"));
  CHECK_FALSE(seen.contains("10.244.0.255"));
  CHECK_FALSE(seen.contains("10.244.1.0"));
  addresses.take("10.244.1.47");
  addresses.take("fd00::1");
  CHECK(addresses.give() == "10.244.1.48");
  addresses.give_back("10.244.0.9");
  for (int i = 0; i < (1 << 22) / 256 * 254 - 302; ++i)
    addresses.give_back(addresses.give());
  CHECK(addresses.give() == "10.244.0.9");
}

TEST_CASE("node shuts down: its pods fail as terminated") {
  World world;
  world.run_engine("e", "vllm/vllm-openai:v0.11.0", "1");
  world.kubelets.shut_down("n", world.now);
  world.turn();
  const json status = world.get("/api/v1/namespaces/default/pods/e").body["status"];
  CHECK(status["phase"] == "Failed");
  CHECK(status["reason"] == "Terminated");
  CHECK(world.ask("e/proxy/metrics").status == 503);
}

}  // namespace stowage::sandbox
