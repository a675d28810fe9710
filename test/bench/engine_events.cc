#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "gpu-scheduler/engine/place.h"
#include "gpu-scheduler/engine/preempt.h"
#include "gpu-scheduler/engine/transaction.h"

/// Random worlds by hand, for long: placements, removals, preemptions, rollbacks, forks. After every event
/// nothing is oversubscribed, no gang is partial and what was undone is as before. The first violation ends
/// the run with its seed.
namespace stowage::engine {
namespace {

constexpr int kEventsAWorld = 400;

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    policy_.strategy =
        std::array{Strategy::kPackability, Strategy::kFgd, Strategy::kBestFit, Strategy::kSpread}[seed % 4];
    const auto nodes = 4 + random_.below(12);
    for (uint64_t i = 0; i < nodes; ++i) {
      NodeSpec node{.name = "n" + std::to_string(i)};
      node.labels = {{"topology.kubernetes.io/zone", "z" + std::to_string(random_.below(2))},
                     {"stowage.dev/rack", "r" + std::to_string(random_.below(3))}};
      node.allocatable = {.cpu_milli = 4000 + static_cast<int64_t>(random_.below(4)) * 4000,
                          .memory_bytes = int64_t{64} << 30,
                          .pods = 12};
      if (const auto gpus = static_cast<int32_t>(random_.below(5)) * 2; gpus > 0) {
        node.accelerators.push_back({.resource = "nvidia.com/gpu",
                                     .product = random_.below(2) == 0 ? "H100" : "A100",
                                     .count = gpus,
                                     .shareable = random_.below(2) == 0});
      }
      if (!state_.upsert_node(std::move(node))) broken_ = "a node is refused";
    }
  }

  /// Empty, or what is wrong after one more event.
  std::string step(int event) {
    if (!broken_.empty()) return broken_;
    const Demand wanted = draw(event);
    const uint64_t before = state_.digest();
    switch (random_.below(4)) {
      case 0:
        if (std::string wrong = undone(wanted); !wrong.empty()) return wrong;
        if (state_.digest() != before) return "a rollback did not restore the state";
        break;
      case 1:
        if (std::string wrong = preempted(wanted, before); !wrong.empty()) return wrong;
        break;
      default:
        if (std::string wrong = placed(wanted, before); !wrong.empty()) return wrong;
    }
    if (sizes_.size() > 8) leave(std::next(sizes_.begin(), static_cast<int64_t>(random_.below(8)))->first);
    return checked();
  }

 private:
  Demand draw(int event) {
    PodClass pod;
    pod.labels = {{"app", std::to_string(random_.below(3))}};
    pod.requests.cpu_milli = 100 + static_cast<int64_t>(random_.below(5)) * 700;
    if (const auto count = static_cast<int32_t>(random_.below(5)); count > 0) {
      pod.device = {.resource = "nvidia.com/gpu", .count = count};
      if (random_.below(4) == 0)
        pod.device = {.resource = "nvidia.com/gpu", .count = 1, .milli = 100 * count};
    }
    if (random_.below(8) == 0) {
      pod.required_anti_affinity.push_back(
          {.label_selector = LabelSelector{.match_labels = pod.labels}, .topology_key = "stowage.dev/rack"});
    }
    Demand out{.name = "ns/d" + std::to_string(event)};
    out.parts.push_back(
        {.pod_class = *state_.intern(pod), .count = 1 + static_cast<int32_t>(random_.below(4))});
    if (random_.below(3) == 0) {
      out.topology = {
          random_.below(2) == 0 ? TopologyRequest::Mode::kRequired : TopologyRequest::Mode::kPreferred,
          random_.below(2) == 0 ? "rack" : "zone"};
    }
    out.priority = static_cast<int32_t>(random_.below(4));
    return out;
  }

  std::string placed(const Demand& wanted, uint64_t before) {
    auto budget = WorkBudget::unlimited();
    ClusterState twin = state_.fork();
    const Decision decision = place(state_, wanted, policy_, budget);
    const Decision again = place(twin, wanted, policy_, budget);
    if (decision.bindings.size() != again.bindings.size() || state_.digest() != twin.digest())
      return "a fork decides otherwise";
    if (!decision.placed()) return state_.digest() == before ? "" : "a refusal changed the state";
    if (decision.bindings.size() != static_cast<size_t>(wanted.pod_count())) return "a partial gang";
    sizes_[wanted.name] = wanted.pod_count();
    return "";
  }

  std::string undone(const Demand& wanted) {
    auto budget = WorkBudget::unlimited();
    Transaction transaction(state_);
    if (state_.pod_limit() > 0) {
      const auto pod = static_cast<PodIndex>(random_.below(state_.pod_limit()));
      if (state_.has_pod(pod)) state_.remove_pod(pod);
    }
    place(state_, wanted, policy_, budget);
    explain(state_, wanted, policy_, budget);
    return "";
  }

  std::string preempted(const Demand& wanted, uint64_t before) {
    auto budget = WorkBudget::unlimited();
    const Decision plan = preempt(state_, wanted, policy_, budget);
    if (state_.digest() != before) return "a plan changed the state";
    std::set<std::string> groups;
    for (const auto& victim : plan.evictions) {
      if (state_.pod(victim.pod).priority >= wanted.priority) return "a victim is not of lower priority";
      groups.insert(state_.pod(victim.pod).group);
      state_.remove_pod(victim.pod);
    }
    for (const auto& group : groups)
      sizes_.erase(group);
    if (!plan.placed()) return "";
    if (!place(state_, wanted, policy_, budget).placed()) return "a demand does not fit without its victims";
    sizes_[wanted.name] = wanted.pod_count();
    return "";
  }

  void leave(std::string name) {
    for (PodIndex pod = 0; pod < state_.pod_limit(); ++pod) {
      if (state_.has_pod(pod) && state_.pod(pod).group == name) state_.remove_pod(pod);
    }
    sizes_.erase(name);
  }

  /// Room, devices and gangs, counted again from the pods.
  std::string checked() {
    std::map<std::string, int64_t> sizes;
    for (const NodeIndex node : state_.nodes_in_order()) {
      const auto& row = state_.node(node);
      int64_t cpu = row.spec->allocatable.cpu_milli;
      int64_t devices = static_cast<int64_t>(row.device_free.size()) * kWholeDevice;
      for (const PodIndex index : row.pods) {
        const auto& running = state_.pod(index);
        const auto& spec = state_.pod_class(running.pod_class);
        cpu -= spec.requests.cpu_milli;
        devices -= int64_t{spec.device.count} * spec.device.milli;
        ++sizes[running.group];
      }
      if (cpu != row.free_cpu_milli || cpu < 0 || row.free_pods < 0)
        return "a node is oversubscribed or miscounted";
      for (const auto free : row.device_free) {
        if (free < 0 || free > kWholeDevice) return "a device is oversubscribed";
        devices -= free;
      }
      if (devices != 0) return "devices are miscounted";
    }
    if (sizes != sizes_) return "a gang is partial";
    if (random_.below(20) == 0 && !state_.cross_pod().consistent_with(state_))
      return "counters between pods are wrong";
    return "";
  }

  Random random_;
  ClusterState state_;
  Policy policy_;
  std::map<std::string, int64_t> sizes_;
  std::string broken_;
};

int run(int64_t events, uint64_t seed) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t done = 0; done < events; done += kEventsAWorld, ++seed) {
    World world(seed);
    for (int event = 0; event < kEventsAWorld; ++event) {
      const std::string wrong = world.step(event);
      if (wrong.empty()) continue;
      fmt::print("{{\"events\":{},\"violations\":1,\"seed\":{},\"event\":{},\"what\":\"{}\"}}\n",
                 done + event, seed, event, wrong);
      return 1;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print("{{\"events\":{},\"violations\":0,\"seconds\":{:.1f}}}\n", events, took.count());
  return 0;
}

}  // namespace
}  // namespace stowage::engine

int main(int argc, char** argv) {
  CLI::App app{"Random events on random worlds; ends at the first broken property"};
  int64_t events = 100'000;
  uint64_t seed = 1;
  app.add_option("--events", events, "Events in all")->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  app.add_option("--seed", seed, "First world");
  CLI11_PARSE(app, argc, argv);
  return stowage::engine::run(events, seed);
}
