#include "gpu-scheduler/replay/openb.h"

#include <fmt/format.h>

#include <chrono>

#include "gpu-scheduler/engine/place.h"

namespace stowage::replay {

Result<OpenbRun> run_openb(const Trace& trace, int64_t seed, const OpenbOptions& options,
                           const std::function<void(int)>& progress) {
  if (options.window > 0 || options.move_permyriad > 0) {
    return fail(Code::kUnsupported, "openb: --window and --move-percent are not built yet; run without them");
  }
  auto order = trace.order.find(seed);
  if (order == trace.order.end())
    return fail(Code::kNotFound, fmt::format("the order file has no seed {}", seed));
  auto rank = trace.noderank.find(seed);
  if (rank == trace.noderank.end())
    return fail(Code::kNotFound, fmt::format("the noderank file has no seed {}", seed));
  TRY(auto state, build_cluster(trace, rank->second));
  TRY(auto classes, intern_pods(trace, state));
  OpenbRun run{.seed = seed};
  auto start = std::chrono::steady_clock::now();
  auto budget = WorkBudget::unlimited();
  engine::Demand demand{.name = "", .parts = {{.count = 1}}};
  int64_t capacity = trace.capacity_milli();
  int64_t arrived = 0;
  int64_t allocated = 0;
  int64_t sum = 0;
  int64_t count = 0;
  int32_t last = -1;
  for (size_t i = 0; i < order->second.size(); ++i) {
    const auto& pod = trace.pods[order->second[i]];
    demand.parts[0].pod_class = classes[order->second[i]];
    auto decision = engine::place(state, demand, options.policy, budget);
    if (decision.placed()) {
      allocated += pod.gpu_demand();
    } else {
      ++run.failed;
    }
    arrived += pod.gpu_demand();
    // The published value of a percentage is the mean over all arrivals that round to it.
    auto percent = static_cast<int32_t>((arrived * 200 + capacity) / (2 * capacity));
    if (percent != last) {
      run.points.push_back({.arrived_percent = percent});
      last = percent;
      sum = count = 0;
      if (progress) progress(static_cast<int>(i * 100 / order->second.size()));
    }
    sum += allocated;
    ++count;
    run.points.back().allocated_percent =
        100.0 * static_cast<double>(sum) / (static_cast<double>(count) * static_cast<double>(capacity));
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const auto& point : run.points) {
    if (point.arrived_percent <= 100) run.allocation_at_100 = point.allocated_percent;
    if (point.arrived_percent <= 130) run.allocation_at_130 = point.allocated_percent;
  }
  for (engine::NodeIndex node : state.nodes_in_order()) {
    run.devices.emplace_back(state.node_name(node), state.node(node).device_free);
  }
  return run;
}

}  // namespace stowage::replay
