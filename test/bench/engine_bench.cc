#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>

#include "gpu-scheduler/engine/place.h"
#include "gpu-scheduler/engine/preempt.h"
#include "gpu-scheduler/replay/openb.h"

/// The engine alone, one core, every node scored. `items_per_second` counts decisions; names are an
/// interface.
namespace stowage {
namespace {

using namespace engine;

NodeSpec make_node(int i) {
  NodeSpec node{.name = "node-" + std::to_string(100'000 + i)};
  node.labels = {{"kubernetes.io/hostname", node.name},
                 {"topology.kubernetes.io/zone", "zone-" + std::to_string(i % 3)},
                 {"stowage.dev/rack", "rack-" + std::to_string(i % 50)}};
  node.allocatable = {.cpu_milli = 64'000,
                      .memory_bytes = int64_t{256} << 30,
                      .ephemeral_bytes = int64_t{1} << 40,
                      .pods = 110};
  node.accelerators.push_back({.resource = "nvidia.com/gpu", .product = "H100", .count = 8});
  return node;
}

ClusterState make_cluster(int nodes) {
  ClusterState state;
  for (int i = 0; i < nodes; ++i) {
    if (!state.upsert_node(make_node(i))) std::abort();
  }
  return state;
}

PodClass make_pod(int gpus, int64_t cpu_milli = 500) {
  PodClass pod;
  pod.labels = {{"app", "bench"}};
  pod.requests = {.cpu_milli = cpu_milli, .memory_bytes = int64_t{512} << 20, .pods = 1};
  if (gpus > 0) pod.device = {.resource = "nvidia.com/gpu", .count = gpus};
  return pod;
}

Demand make_demand(ClusterState& state, const PodClass& pod, int count = 1) {
  auto id = state.intern(pod);
  if (!id) std::abort();
  Demand demand{.name = "ns/d"};
  demand.parts.push_back({.pod_class = *id, .count = count});
  return demand;
}

/// Places `wanted` up to `count` times on a fresh cluster; a decision is one place().
void place_many(benchmark::State& bench, int nodes, int count,
                const std::function<Demand(ClusterState&)>& wanted, int pods_each = 1) {
  int64_t decisions = 0;
  int64_t placed = 0;
  for (auto _ : bench) {
    bench.PauseTiming();
    auto state = make_cluster(nodes);
    auto demand = wanted(state);
    Policy policy;
    auto budget = WorkBudget::unlimited();
    bench.ResumeTiming();
    for (int i = 0; i < count; ++i) {
      placed += place(state, demand, policy, budget).placed() ? 1 : 0;
      ++decisions;
    }
    bench.PauseTiming();
    state = ClusterState();  // To end a cluster is no decision.
    bench.ResumeTiming();
  }
  bench.SetItemsProcessed(decisions * pods_each);
  bench.counters["placed"] =
      benchmark::Counter(static_cast<double>(placed) / static_cast<double>(bench.iterations()));
}

void basic(benchmark::State& bench) {
  place_many(bench, 5000, 50'000, [](ClusterState& s) { return make_demand(s, make_pod(0)); });
}

void anti_affinity(benchmark::State& bench) {
  place_many(bench, 6000, 5000, [](ClusterState& s) {
    auto pod = make_pod(0);
    s.set_namespace("default", {{"team", "a"}});
    PodAffinityTerm term{.label_selector = LabelSelector{.match_labels = {{"app", "bench"}}},
                         .topology_key = "kubernetes.io/hostname"};
    term.namespace_selector = LabelSelector{.match_labels = {{"team", "a"}}};
    pod.required_anti_affinity.push_back(std::move(term));
    return make_demand(s, pod);
  });
}

void pod_affinity(benchmark::State& bench) {
  place_many(bench, 5000, 5000, [](ClusterState& s) {
    auto pod = make_pod(0);
    pod.required_affinity.push_back({.label_selector = LabelSelector{.match_labels = {{"app", "bench"}}},
                                     .topology_key = "topology.kubernetes.io/zone"});
    return make_demand(s, pod);
  });
}

void topology_spread(benchmark::State& bench) {
  place_many(bench, 5000, 5000, [](ClusterState& s) {
    auto pod = make_pod(0);
    pod.spread_constraints.push_back({.max_skew = 1,
                                      .topology_key = "topology.kubernetes.io/zone",
                                      .label_selector = LabelSelector{.match_labels = {{"app", "bench"}}}});
    return make_demand(s, pod);
  });
}

void gangs_of_3(benchmark::State& bench) {
  place_many(bench, 5000, 3000, [](ClusterState& s) { return make_demand(s, make_pod(1), 3); });
}

/// Counts pods: four a decision.
void topology_gangs(benchmark::State& bench) {
  place_many(
      bench, 5000, 2000,
      [](ClusterState& s) {
        auto demand = make_demand(s, make_pod(4), 4);
        demand.topology = {TopologyRequest::Mode::kRequired, "rack"};
        return demand;
      },
      4);
}

void gang_of_9000(benchmark::State& bench) {
  place_many(bench, 5000, 1, [](ClusterState& s) { return make_demand(s, make_pod(1), 9000); });
}

void unschedulable(benchmark::State& bench) {
  auto state = make_cluster(5000);
  Policy policy;
  auto budget = WorkBudget::unlimited();
  auto running = make_demand(state, make_pod(2));
  for (int i = 0; i < 20'000; ++i)
    place(state, running, policy, budget);
  auto filler = make_demand(state, make_pod(0, 100));
  auto wanted = make_demand(state, make_pod(8));
  int64_t decisions = 0;
  for (auto _ : bench) {
    benchmark::DoNotOptimize(place(state, wanted, policy, budget));
    place(state, filler, policy, budget);  // Something changes between the attempts.
    decisions += 1;
  }
  bench.SetItemsProcessed(decisions);
}

/// Four victims on each node; each preemptor finds no room, evicts one victim and takes its place.
void preemption(benchmark::State& bench) {
  int64_t decisions = 0;
  int64_t evicted = 0;
  for (auto _ : bench) {
    bench.PauseTiming();
    auto state = make_cluster(5000);
    Policy policy;
    auto budget = WorkBudget::unlimited();
    auto victim = make_demand(state, make_pod(2));
    for (int i = 0; i < 20'000; ++i) {
      victim.name = "ns/v" + std::to_string(i);
      if (!place(state, victim, policy, budget).placed()) std::abort();
    }
    auto wanted = make_demand(state, make_pod(2));
    wanted.priority = 1000;
    bench.ResumeTiming();
    for (int i = 0; i < 5000; ++i, ++decisions) {
      wanted.name = "ns/p" + std::to_string(i);
      if (place(state, wanted, policy, budget).placed()) std::abort();
      const auto plan = preempt(state, wanted, policy, budget);
      for (const auto& gone : plan.evictions)
        state.remove_pod(gone.pod);
      evicted += static_cast<int64_t>(plan.evictions.size());
      if (!place(state, wanted, policy, budget).placed()) std::abort();
    }
  }
  bench.SetItemsProcessed(decisions);
  bench.counters["evicted"] =
      benchmark::Counter(static_cast<double>(evicted) / static_cast<double>(bench.iterations()));
}

void fork(benchmark::State& bench) {
  auto state = make_cluster(5000);
  auto id = state.intern(make_pod(0, 100));
  for (int i = 0; i < 150'000; ++i) {
    RunningPod pod{
        .uid = "uid-" + std::to_string(i), .pod_class = *id, .node = static_cast<NodeIndex>(i % 5000)};
    if (!state.add_pod(std::move(pod))) std::abort();
  }
  for (auto _ : bench) {
    auto copy = state.fork();
    benchmark::DoNotOptimize(copy.pod_count());
  }
  bench.SetItemsProcessed(static_cast<int64_t>(bench.iterations()));
}

/// A whole run of the default trace, seed 42; STOWAGE_OPENB_DIR names the folder with the data.
void openb(benchmark::State& bench, Strategy strategy) {
  const char* folder = std::getenv("STOWAGE_OPENB_DIR");
  std::string dir = folder ? folder : "../shared/data/openb";
  auto trace = replay::load_trace({dir + "/openb_node_list_gpu_node.csv", dir + "/openb_pod_list_default.csv",
                                   dir + "/openb_pod_list_default.order.txt",
                                   dir + "/openb_pod_list_default.noderank.txt"});
  if (!trace) {
    bench.SkipWithError((trace.error().message + " (set STOWAGE_OPENB_DIR)").c_str());
    return;
  }
  Policy policy;
  policy.strategy = strategy;
  policy.model = *DemandModel::build(replay::typical_pods(*trace));
  int64_t decisions = 0;
  for (auto _ : bench) {
    auto run = replay::run_openb(*trace, 42, {.policy = policy}, {});
    if (!run) std::abort();
    decisions += static_cast<int64_t>(trace->order.at(42).size());
  }
  bench.SetItemsProcessed(decisions);
}

void openb_fgd(benchmark::State& bench) {
  openb(bench, Strategy::kFgd);
}
void openb_packability(benchmark::State& bench) {
  openb(bench, Strategy::kPackability);
}

BENCHMARK(openb_fgd)->Unit(benchmark::kMillisecond);
BENCHMARK(openb_packability)->Unit(benchmark::kMillisecond);
BENCHMARK(basic)->Name("basic_5000n_50000p")->Unit(benchmark::kMillisecond);
BENCHMARK(anti_affinity)->Name("anti_affinity_namespaces_6000n")->Unit(benchmark::kMillisecond);
BENCHMARK(pod_affinity)->Name("pod_affinity_5000n")->Unit(benchmark::kMillisecond);
BENCHMARK(topology_spread)->Name("topology_spread_5000n")->Unit(benchmark::kMillisecond);
BENCHMARK(gangs_of_3)->Name("gangs_of_3_5000n")->Unit(benchmark::kMillisecond);
BENCHMARK(topology_gangs)->Name("topology_gangs_of_4_50_racks_5000n")->Unit(benchmark::kMillisecond);
BENCHMARK(gang_of_9000)->Unit(benchmark::kMillisecond);
BENCHMARK(unschedulable)->Name("unschedulable_20000p")->Unit(benchmark::kMicrosecond);
BENCHMARK(preemption)->Name("preemption_5000n_20000v")->Unit(benchmark::kMillisecond);
BENCHMARK(fork)->Name("fork_5000n_150000p")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace stowage

BENCHMARK_MAIN();
