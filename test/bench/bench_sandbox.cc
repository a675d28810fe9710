// bench_sandbox [--nodes 10000] [--pods 100000]: how fast the sandbox's API server takes nodes and pods in,
// called in process. The last line is one JSON object:
// {"nodes","pods","node_seconds","pod_seconds","pods_per_second","rss_mb"}.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/server.h"
#include "sandbox/apiserver/watch.h"
#include "sandbox/world/nodes.h"

namespace {

using namespace stowage;

std::string pod(size_t number) {
  return nlohmann::json{
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", {{"name", fmt::format("p-{:06}", number)}, {"labels", {{"app", "bench"}}}}},
      {"spec",
       {{"schedulerName", "stowage"},
        {"containers",
         {{{"name", "engine"},
           {"image", "engine:1"},
           {"resources", {{"limits", {{"nvidia.com/gpu", "1"}, {"cpu", "2"}, {"memory", "8Gi"}}}}}}}}}}}
      .dump();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Creates nodes and pods in the sandbox's API server and prints how long it took."};
  size_t nodes = 10'000;
  size_t pods = 100'000;
  std::string profiles = "sandbox/profiles";
  app.add_option("--nodes", nodes, "nodes of profile h100x8");
  app.add_option("--pods", pods, "pods of one GPU, unbound");
  app.add_option("--profiles", profiles, "folder of node profiles");
  CLI11_PARSE(app, argc, argv);
  const auto profile = sandbox::Profile::load(profiles, "h100x8");
  if (!profile) {
    fmt::print(stderr, "bench_sandbox: {}\n", profile.error().message);
    return 1;
  }
  const SystemClock clock;
  sandbox::Server server;
  server.bootstrap(clock.wall());
  const MonoTime start = clock.now();
  if (const auto made = sandbox::create_nodes(server, *profile, 0, nodes, clock.wall()); !made) {
    fmt::print(stderr, "bench_sandbox: {}\n", made.error().message);
    return 1;
  }
  const MonoTime middle = clock.now();
  sandbox::Request request{.method = "POST",
                           .path = "/api/v1/namespaces/default/pods",
                           .content_type = "application/json",
                           .user_agent = "bench/1"};
  for (size_t i = 0; i < pods; ++i) {
    request.body = pod(i);
    const auto answer = server.handle(request, clock.wall());
    if (answer.status != 201) {
      fmt::print(stderr, "bench_sandbox: pod {}: {}\n", i, answer.body);
      return 1;
    }
  }
  const double node_seconds = std::chrono::duration<double>(middle - start).count();
  const double pod_seconds = std::chrono::duration<double>(clock.now() - middle).count();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print(
      R"({{"nodes":{},"pods":{},"node_seconds":{:.2f},"pod_seconds":{:.2f},"pods_per_second":{:.0f},"rss_mb":{}}})"
      "\n",
      nodes, pods, node_seconds, pod_seconds, pod_seconds > 0 ? static_cast<double>(pods) / pod_seconds : 0.0,
      usage.ru_maxrss / 1024);
  return 0;
}
