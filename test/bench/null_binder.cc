// The floor under every scheduler: lists pending pods and nodes once, then posts bindings as fast as the API
// server takes them, and the Scheduled events behind them, without watching and without deciding anything.
// Client, requests and the writer of the events are the scheduler's own, so that the difference is what
// watching and deciding cost.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/core/node.h"
#include "api/core/pod.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/client/client.h"
#include "kube/client/connect.h"
#include "kube/core/list_pager.h"
#include "kube/runtime/asio_timers.h"
#include "kube/runtime/event_recorder.h"
#include "kube/runtime/notifier.h"
#include "kube/runtime/task_scope.h"

namespace {

using stowage::Millis;
using stowage::Result;
using stowage::kube::Client;
namespace api = stowage::api;
namespace asio = boost::asio;

constexpr std::string_view kGpu = "nvidia.com/gpu";

struct Pod {
  std::string ns;
  std::string name;
  std::string uid;
  int64_t gpus = 0;
};

struct Node {
  std::string name;
  int64_t free_gpus = 0;
  int64_t free_pods = 0;
};

struct World {
  std::vector<Pod> pending;
  std::vector<Node> nodes;
};

int64_t amount(const api::ResourceList& list, std::string_view name) {
  const auto it = list.find(name);
  return it == list.end() ? 0 : it->second;
}

int64_t gpus_of(const api::Pod& pod) {
  int64_t sum = 0;
  for (const api::Container& container : pod.spec.containers)
    sum += amount(container.requests, kGpu);
  return sum;
}

template <class Item>
asio::awaitable<Result<void>> for_each(Client& client, std::string path, Item item) {
  stowage::kube::ListPager pager({.path = std::move(path)});
  for (;;) {
    auto stream = co_await client.open({.target = pager.target()});
    if (!stream) co_return std::unexpected(stream.error());
    stowage::kube::ListReader reader;
    for (;;) {
      CO_TRY(auto chunk, co_await (*stream)->next());
      if (!chunk) break;
      reader.feed(*chunk);
      for (;;) {
        CO_TRY(const auto text, reader.next());
        if (!text) break;
        CO_TRY_VOID(item(*text));
      }
    }
    CO_TRY(const auto meta, reader.finish());
    if (!pager.advance(meta)) co_return Result<void>{};
  }
}

asio::awaitable<Result<World>> read_world(Client& client) {
  World world;
  std::unordered_map<std::string, size_t> index;
  CO_TRY_VOID(co_await for_each(client, "/api/v1/nodes", [&](std::string_view json) -> Result<void> {
    TRY(const api::Node node, api::decode_node(json));
    if (node.unschedulable) return {};
    index[node.meta.name] = world.nodes.size();
    world.nodes.push_back({.name = node.meta.name,
                           .free_gpus = amount(node.allocatable, kGpu),
                           .free_pods = amount(node.allocatable, "pods")});
    return {};
  }));
  CO_TRY_VOID(co_await for_each(client, "/api/v1/pods", [&](std::string_view json) -> Result<void> {
    TRY(const api::Pod pod, api::decode_pod(json));
    if (pod.terminal()) return {};
    if (pod.spec.node_name.empty()) {
      world.pending.push_back(
          {.ns = pod.meta.ns, .name = pod.meta.name, .uid = pod.meta.uid, .gpus = gpus_of(pod)});
    } else if (const auto at = index.find(pod.spec.node_name); at != index.end()) {
      world.nodes[at->second].free_gpus -= gpus_of(pod);
      --world.nodes[at->second].free_pods;
    }
    return {};
  }));
  co_return world;
}

/// Round robin over the nodes that have room by plain counting.
std::vector<const Node*> assign(World& world) {
  std::vector<const Node*> out(world.pending.size(), nullptr);
  size_t at = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    for (size_t tried = 0; tried < world.nodes.size(); ++tried) {
      Node& node = world.nodes[at++ % world.nodes.size()];
      if (node.free_gpus < world.pending[i].gpus || node.free_pods < 1) continue;
      node.free_gpus -= world.pending[i].gpus;
      --node.free_pods;
      out[i] = &node;
      break;
    }
  }
  return out;
}

rusage usage_now() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage;
}

double cpu_seconds() {
  const rusage usage = usage_now();
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Options {
  int in_flight = 64;
  bool events = false;
};

struct Run {
  Client& client;
  stowage::kube::EventRecorder& events;
  stowage::kube::Notifier& ended;
  const World& world;
  std::vector<const Node*> target;  ///< Per pod; null = no room.
  bool write_events = false;
  int working = 0;
  size_t next = 0;
  size_t bound = 0;
  size_t failures = 0;
};

asio::awaitable<void> bind_some(Run& run) {
  while (run.next < run.world.pending.size()) {
    const size_t i = run.next++;
    if (run.target[i] == nullptr) continue;
    const Pod& pod = run.world.pending[i];
    const std::string& node = run.target[i]->name;
    const auto done =
        co_await run.client.bind({.ns = pod.ns, .pod = pod.name, .pod_uid = pod.uid, .node = node});
    if (!done) {
      if (run.failures++ == 0)
        std::fprintf(stderr, "bind %s: %s\n", pod.name.c_str(), done.error().message.c_str());
      continue;
    }
    ++run.bound;
    if (!run.write_events) continue;
    run.events.record({.api_version = "v1", .kind = "Pod", .ns = pod.ns, .name = pod.name, .uid = pod.uid},
                      "Normal", "Scheduled",
                      "Successfully assigned " + pod.ns + "/" + pod.name + " to " + node);
  }
  if (--run.working == 0) run.ended.notify_all();
}

asio::awaitable<Result<void>> bind_all(stowage::kube::Environment env, Client& client, Options options) {
  CO_TRY(World world, co_await read_world(client));
  if (world.nodes.empty())
    co_return stowage::fail(stowage::Code::kInvalidArgument, "the cluster has no nodes");
  stowage::kube::EventRecorder events(env, client, "null-binder");
  stowage::kube::Notifier ended(env);
  stowage::kube::TaskScope scope(env);
  std::vector<const Node*> target = assign(world);
  Run run{.client = client,
          .events = events,
          .ended = ended,
          .world = world,
          .target = std::move(target),
          .write_events = options.events,
          .working = options.in_flight};
  const double cpu_before = cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  events.start(scope);
  for (int i = 0; i < options.in_flight; ++i)
    scope.spawn("bind", bind_some(run));
  while (run.working > 0)
    co_await ended.wait();
  const double seconds = seconds_since(begin);
  const bool all_written = co_await events.flush(Millis{60'000});
  const nlohmann::json line = {{"bound", run.bound},
                               {"failed", run.failures},
                               {"seconds", seconds},
                               {"events_seconds", seconds_since(begin)},
                               {"cpu_seconds", cpu_seconds() - cpu_before},
                               {"rss_mb", static_cast<double>(usage_now().ru_maxrss) * 1024 / 1e6}};
  std::printf("%s\n", line.dump().c_str());
  scope.cancel();
  co_await scope.join();
  if (run.failures > 0) {
    co_return stowage::fail(stowage::Code::kUnavailable, std::to_string(run.failures) + " binds failed");
  }
  if (!all_written) co_return stowage::fail(stowage::Code::kTimeout, "the events were not written in 60 s");
  co_return Result<void>{};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Binds all pending pods round robin: what the API server alone allows"};
  stowage::kube::ConnectOptions connect;
  Options options;
  app.add_option("--kubeconfig", connect.kubeconfig, "kubeconfig file")->required();
  app.add_option("--in-flight", options.in_flight, "binds at once")->check(CLI::Range(1, 1000));
  app.add_flag("--events", options.events, "also write the Scheduled event of each pod");
  CLI11_PARSE(app, argc, argv);

  asio::io_context loop(1);
  stowage::SystemClock clock;
  stowage::kube::AsioTimers timers(loop.get_executor());
  stowage::Random random(std::random_device{}());
  stowage::StreamLogger log(stderr, stowage::LogFormat::kText, stowage::LogLevel::kInfo, clock);
  const stowage::kube::Environment env{
      .executor = loop.get_executor(), .clock = clock, .timers = timers, .random = random, .log = log};
  auto connection = stowage::kube::connect(loop.get_executor(), clock, connect);
  if (!connection) {
    std::fprintf(stderr, "null-binder: %s\n", connection.error().message.c_str());
    return 1;
  }
  Client client(*connection->transport, "stowage-null-binder");
  int status = 1;
  asio::co_spawn(loop, bind_all(env, client, options),
                 [&](const std::exception_ptr& problem, Result<void> result) {
                   loop.stop();  // idle connections would keep it running
                   if (problem) std::rethrow_exception(problem);
                   if (result) {
                     status = 0;
                   } else {
                     std::fprintf(stderr, "null-binder: %s\n", result.error().message.c_str());
                   }
                 });
  loop.run();
  return status;
}
