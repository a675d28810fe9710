#include "gpu-scheduler/replay/openb.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "gpu-scheduler/engine/interner.h"
#include "gpu-scheduler/engine/place.h"
#include "gpu-scheduler/engine/place_window.h"
#include "gpu-scheduler/replay/fragmentation.h"
#include "gpu-scheduler/replay/openb_moves.h"

namespace stowage::replay {
namespace {

class Experiment {
 public:
  Experiment(const OpenbOptions& options, engine::ClusterState state)
      : options_(options), state_(std::move(state)) {
    if (options_.move_permyriad > 0) moves_.emplace(state_, options_.policy, options_.move_permyriad);
  }

  Result<void> arrive(engine::ClassId pod, int64_t now) {
    if (moves_ && moves_->place_apart(pod)) {
      allocated_ += state_.compiled(pod).device_demand();
      return {};
    }
    held_.push_back({.name = "", .parts = {{.pod_class = pod, .count = 1}}, .arrival = now});
    return look_at(now);
  }
  /// Everything held is placed where it fits.
  Result<void> finish(int64_t now) { return look_at(now + options_.window); }

  [[nodiscard]] int64_t allocated() const { return allocated_; }
  [[nodiscard]] int64_t failed() const { return failed_; }
  [[nodiscard]] int64_t moves() const { return moves_ ? moves_->made() : 0; }
  [[nodiscard]] const engine::ClusterState& state() const { return state_; }

 private:
  Result<void> look_at(int64_t now) {
    auto budget = WorkBudget::unlimited();
    TRY(const auto decisions,
        engine::place_window(state_, held_, options_.policy, {.now = now, .hold = options_.window}, budget));
    std::vector<engine::Demand> left;
    for (size_t i = 0; i < held_.size(); ++i) {
      const auto& decision = decisions[i];
      bool placed = decision.placed();
      if (!placed && moves_ && decision.why.reason != engine::kHeld) {
        TRY(placed, moves_->make_room(held_[i]));
      }
      if (placed) {
        allocated_ += state_.compiled(held_[i].parts[0].pod_class).device_demand();
      } else if (decision.why.reason == engine::kHeld) {
        left.push_back(std::move(held_[i]));
      } else {
        ++failed_;
      }
    }
    held_ = std::move(left);
    return {};
  }

  const OpenbOptions& options_;
  engine::ClusterState state_;
  std::optional<OpenbMoves> moves_;
  std::vector<engine::Demand> held_;
  int64_t allocated_ = 0;
  int64_t failed_ = 0;
};

}  // namespace

Result<OpenbRun> run_openb(const Trace& trace, int64_t seed, const OpenbOptions& options,
                           const std::function<void(int)>& progress) {
  auto order = trace.order.find(seed);
  if (order == trace.order.end())
    return fail(Code::kNotFound, fmt::format("the order file has no seed {}", seed));
  auto rank = trace.noderank.find(seed);
  if (rank == trace.noderank.end())
    return fail(Code::kNotFound, fmt::format("the noderank file has no seed {}", seed));
  TRY(auto empty, build_cluster(trace, rank->second));
  TRY(auto classes, intern_pods(trace, empty));
  OpenbRun run{.seed = seed};
  auto start = std::chrono::steady_clock::now();
  Experiment experiment(options, std::move(empty));
  std::optional<FragmentationMeter> meter;
  if (options.fragmentation && options.policy.model) meter.emplace(options.policy.model);
  int64_t capacity = trace.capacity_milli();
  int64_t arrived = 0;
  int64_t sum = 0;
  int64_t count = 0;
  int32_t last = -1;
  const auto& arrivals = order->second;
  for (size_t i = 0; i < arrivals.size(); ++i) {
    auto now = static_cast<int64_t>(i);
    TRY_VOID(experiment.arrive(classes[arrivals[i]], now));
    if (i + 1 == arrivals.size()) {
      TRY_VOID(experiment.finish(now));
    }
    arrived += trace.pods[arrivals[i]].gpu_demand();
    // The published value of a percentage is the mean over all arrivals that round to it.
    auto percent = static_cast<int32_t>((arrived * 200 + capacity) / (2 * capacity));
    if (percent != last) {
      run.points.push_back({.arrived_percent = percent});
      last = percent;
      sum = count = 0;
      if (meter) {
        run.points.back().fragmentation_percent =
            100 * meter->measure(experiment.state()) / static_cast<double>(capacity);
      }
      if (progress) progress(static_cast<int>(i * 100 / arrivals.size()));
    }
    sum += experiment.allocated();
    ++count;
    run.points.back().allocated_percent =
        100.0 * static_cast<double>(sum) / (static_cast<double>(count) * static_cast<double>(capacity));
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.failed = experiment.failed();
  run.moves = experiment.moves();
  for (const auto& point : run.points) {
    if (point.arrived_percent <= 100) run.allocation_at_100 = point.allocated_percent;
    if (point.arrived_percent <= 130) run.allocation_at_130 = point.allocated_percent;
  }
  const auto& state = experiment.state();
  for (engine::NodeIndex node : state.nodes_in_order()) {
    run.devices.emplace_back(state.node_name(node), state.node(node).device_free);
  }
  return run;
}

}  // namespace stowage::replay
