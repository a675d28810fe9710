// The floor under every scheduler: lists pending pods and nodes once, then posts bindings (and the Scheduled
// event) as fast as the API server takes them, without watching and without deciding anything.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/client/client.h"
#include "kube/client/connect.h"
#include "kube/core/list_pager.h"

namespace {

using nlohmann::json;
using stowage::Result;
using stowage::kube::Client;
namespace asio = boost::asio;

struct Pod {
  std::string ns;
  std::string name;
  std::string uid;
  std::string version;
  long long gpus = 0;
};

struct Node {
  std::string name;
  long long free_gpus = 0;
  long long free_pods = 0;
};

struct World {
  std::vector<Pod> pending;
  std::vector<Node> nodes;
};

long long number_at(const json& map, const char* key) {
  const auto it = map.find(key);
  if (it == map.end()) return 0;
  return std::strtoll(it->is_string() ? it->get<std::string>().c_str() : it->dump().c_str(), nullptr, 10);
}

long long gpus_of(const json& pod) {
  long long sum = 0;
  for (const json& container : pod["spec"]["containers"]) {
    const json requests = container.value("resources", json::object()).value("requests", json::object());
    sum += number_at(requests, "nvidia.com/gpu");
  }
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
        item(json::parse(*text));
      }
    }
    CO_TRY(const auto meta, reader.finish());
    if (!pager.advance(meta)) co_return Result<void>{};
  }
}

asio::awaitable<Result<World>> read_world(Client& client) {
  World world;
  std::vector<std::pair<std::string, long long>> bound;
  auto nodes = co_await for_each(client, "/api/v1/nodes", [&](const json& node) {
    if (node["spec"].value("unschedulable", false)) return;
    const json allocatable = node["status"].value("allocatable", json::object());
    world.nodes.push_back({.name = node["metadata"]["name"],
                           .free_gpus = number_at(allocatable, "nvidia.com/gpu"),
                           .free_pods = number_at(allocatable, "pods")});
  });
  if (!nodes) co_return std::unexpected(nodes.error());
  auto pods = co_await for_each(client, "/api/v1/pods", [&](const json& pod) {
    const std::string phase = pod.value("status", json::object()).value("phase", "");
    if (phase == "Succeeded" || phase == "Failed") return;
    const std::string node = pod["spec"].value("nodeName", "");
    if (!node.empty()) {
      bound.emplace_back(node, gpus_of(pod));
      return;
    }
    const json& meta = pod["metadata"];
    world.pending.push_back({.ns = meta["namespace"],
                             .name = meta["name"],
                             .uid = meta["uid"],
                             .version = meta["resourceVersion"],
                             .gpus = gpus_of(pod)});
  });
  if (!pods) co_return std::unexpected(pods.error());
  for (const auto& [name, gpus] : bound) {
    for (Node& node : world.nodes) {
      if (node.name != name) continue;
      node.free_gpus -= gpus;
      --node.free_pods;
    }
  }
  co_return world;
}

std::string event_body(const Pod& pod, const std::string& node) {
  const auto wall = stowage::SystemClock().wall();
  const std::string now = stowage::format_rfc3339_micro(wall);
  const json event = {
      {"apiVersion", "events.k8s.io/v1"},
      {"kind", "Event"},
      {"metadata",
       {{"name", pod.name + "." + std::to_string(wall.time_since_epoch().count())}, {"namespace", pod.ns}}},
      {"eventTime", now},
      {"reportingController", "null-binder"},
      {"reportingInstance", "null-binder"},
      {"action", "Binding"},
      {"reason", "Scheduled"},
      {"type", "Normal"},
      {"note", "Successfully assigned " + pod.ns + "/" + pod.name + " to " + node},
      {"regarding",
       {{"apiVersion", "v1"},
        {"kind", "Pod"},
        {"name", pod.name},
        {"namespace", pod.ns},
        {"uid", pod.uid},
        {"resourceVersion", pod.version}}}};
  return event.dump();
}

struct Run {
  Client& client;
  const World& world;
  std::vector<const Node*> target;  ///< Per pod; null = no room.
  bool events = false;
  size_t next = 0;
  size_t bound = 0;
  size_t failures = 0;
};

asio::awaitable<void> worker(Run& run) {
  static const stowage::kube::Resource kEvents{
      .group = "events.k8s.io", .version = "v1", .plural = "events", .kind = "Event"};
  while (run.next < run.world.pending.size()) {
    const size_t i = run.next++;
    if (run.target[i] == nullptr) continue;
    const Pod& pod = run.world.pending[i];
    const auto done = co_await run.client.bind(
        {.ns = pod.ns, .pod = pod.name, .pod_uid = pod.uid, .node = run.target[i]->name});
    if (!done) {
      if (run.failures++ == 0)
        std::fprintf(stderr, "bind %s: %s\n", pod.name.c_str(), done.error().message.c_str());
      continue;
    }
    ++run.bound;
    if (!run.events) continue;
    const auto event =
        co_await run.client.create(kEvents, pod.ns, event_body(pod, run.target[i]->name), "null-binder");
    if (!event && run.failures++ == 0) std::fprintf(stderr, "event: %s\n", event.error().message.c_str());
  }
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

asio::awaitable<Result<void>> bind_all(Client& client, int in_flight, bool events) {
  auto world = co_await read_world(client);
  if (!world) co_return std::unexpected(world.error());
  if (world->nodes.empty())
    co_return stowage::fail(stowage::Code::kInvalidArgument, "the cluster has no nodes");
  Run run{.client = client, .world = *world, .target = assign(*world), .events = events};
  const double cpu_before = cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  int running = in_flight;
  asio::steady_timer finished(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  for (int i = 0; i < in_flight; ++i) {
    asio::co_spawn(finished.get_executor(), worker(run), [&](const std::exception_ptr& problem) {
      if (problem) std::rethrow_exception(problem);
      if (--running == 0) finished.cancel();
    });
  }
  if (running > 0) co_await finished.async_wait(asio::as_tuple(asio::use_awaitable));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const json line = {{"pods", run.bound},
                     {"bound", run.bound},
                     {"failed", run.failures},
                     {"seconds", seconds},
                     {"pods_per_second", static_cast<double>(run.bound) / seconds},
                     {"cpu_seconds", cpu_seconds() - cpu_before},
                     {"rss_mb", static_cast<double>(usage_now().ru_maxrss) / 1024}};
  std::printf("%s\n", line.dump().c_str());
  if (run.failures > 0) {
    co_return stowage::fail(stowage::Code::kUnavailable, std::to_string(run.failures) + " requests failed");
  }
  co_return Result<void>{};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Binds all pending pods round robin: what the API server alone allows"};
  stowage::kube::ConnectOptions options;
  int in_flight = 64;
  bool events = false;
  app.add_option("--kubeconfig", options.kubeconfig, "kubeconfig file")->required();
  app.add_option("--in-flight", in_flight, "requests at once")->check(CLI::Range(1, 1000));
  app.add_flag("--events", events, "also post the Scheduled event of each pod");
  CLI11_PARSE(app, argc, argv);

  asio::io_context loop(1);
  const stowage::SystemClock clock;
  auto connection = stowage::kube::connect(loop.get_executor(), clock, options);
  if (!connection) {
    std::fprintf(stderr, "null-binder: %s\n", connection.error().message.c_str());
    return 1;
  }
  Client client(*connection->transport, "stowage-null-binder");
  int status = 1;
  asio::co_spawn(loop, bind_all(client, in_flight, events),
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
