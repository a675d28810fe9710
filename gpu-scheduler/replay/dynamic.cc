#include "gpu-scheduler/replay/dynamic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <queue>

#include "base/random.h"
#include "gpu-scheduler/engine/fit.h"
#include "gpu-scheduler/engine/place.h"
#include "gpu-scheduler/replay/emptying.h"
#include "gpu-scheduler/replay/fragmentation.h"
#include "gpu-scheduler/replay/wait_queue.h"

namespace stowage::replay {
namespace {

constexpr double kMaxLifetime = 14'400;
constexpr double kWarmUp = 4 * 3600;
constexpr double kEnd = 8 * 3600;
constexpr double kPointEvery = 300;

double lifetime_of(const TracePod& pod) {
  int64_t begin = pod.scheduled_s >= 0 ? pod.scheduled_s : pod.creation_s;
  return std::clamp(static_cast<double>(pod.deletion_s - begin), 1.0, kMaxLifetime);
}

struct Departure {
  double time;
  uint64_t sequence;
  engine::PodIndex pod;
  uint64_t start;  ///< Sequence number of the run, so that a reused index is told apart.
  bool operator>(const Departure& other) const {
    return std::tie(time, sequence) > std::tie(other.time, other.sequence);
  }
};

/// One run of the experiment.
class Experiment {
 public:
  Experiment(const Trace& trace, const DynamicOptions& options, engine::ClusterState state,
             std::vector<engine::ClassId> classes)
      : trace_(trace),
        options_(options),
        state_(std::move(state)),
        classes_(std::move(classes)),
        queue_(trace_, classes_),
        emptying_(state_, options_.policy) {
    if (options_.series && options_.policy.model) meter_.emplace(options_.policy.model);
  }

  DynamicRun run(int64_t seed);

 private:
  void arrive(double now, uint32_t pod, bool measured);
  void depart(double now, const Departure& departure);
  bool place(double now, Waiting waiting);
  void started(double now, const Waiting& waiting, engine::PodIndex index);
  void offer(double now, engine::NodeIndex node);
  void work_on_emptying(double now, engine::NodeIndex hole);
  void pass_time(double now);
  void record(double until);
  DynamicRun summary(int64_t seed) const;

  const Trace& trace_;
  const DynamicOptions& options_;
  engine::ClusterState state_;
  std::vector<engine::ClassId> classes_;
  WaitQueue queue_;
  Emptying emptying_;
  std::priority_queue<Departure, std::vector<Departure>, std::greater<>> departures_;
  uint64_t sequence_ = 0;
  int64_t allocated_ = 0;
  double clock_ = 0;
  double delivered_ = 0;
  int64_t placements_ = 0;
  std::array<std::vector<double>, kSizeNames.size()> waits_;
  double weighted_ = 0;
  double weight_ = 0;
  double longest_ = 0;
  std::optional<FragmentationMeter> meter_;
  std::vector<DynamicPoint> points_;
  std::vector<std::pair<std::string, std::vector<int16_t>>> devices_;
  int percent_ = -1;
};

/// The points up to that moment, of the cluster as it is: nothing changed since the last event.
void Experiment::record(double until) {
  const int percent = static_cast<int>(100 * std::min(until, kEnd) / kEnd);
  if (options_.progress && percent != percent_) options_.progress(percent_ = percent);
  if (!options_.series) return;
  const auto capacity = static_cast<double>(trace_.capacity_milli());
  for (double at = static_cast<double>(points_.size()) * kPointEvery; at <= std::min(until, kEnd);
       at += kPointEvery) {
    points_.push_back({.hours = at / 3600,
                       .allocated_percent = 100 * static_cast<double>(allocated_) / capacity,
                       .fragmentation_percent = meter_ ? 100 * meter_->measure(state_) / capacity : 0});
  }
  if (until < kEnd || !devices_.empty()) return;
  for (const engine::NodeIndex node : state_.nodes_in_order())
    devices_.emplace_back(state_.node_name(node), state_.node(node).device_free);
}

void Experiment::pass_time(double now) {
  double from = std::clamp(clock_, kWarmUp, kEnd);
  double to = std::clamp(now, kWarmUp, kEnd);
  delivered_ += static_cast<double>(allocated_) * (to - from);
  record(now);
  clock_ = now;
}

void Experiment::started(double now, const Waiting& waiting, engine::PodIndex index) {
  const auto& pod = trace_.pods[waiting.pod];
  allocated_ += pod.gpu_demand();
  ++placements_;
  uint64_t run = ++sequence_;
  emptying_.started(index, run);
  departures_.push({now + lifetime_of(pod), run, index, run});
  if (!waiting.measured || pod.gpus == 0) return;
  double wait = now - waiting.since;
  double gpus = static_cast<double>(pod.gpu_demand()) / engine::kWholeDevice;
  weighted_ += wait * gpus;
  weight_ += gpus;
  longest_ = std::max(longest_, wait);
  size_t size = pod.gpu_milli < engine::kWholeDevice ? 0
                : pod.gpus == 1                      ? 1
                : pod.gpus == 2                      ? 2
                : pod.gpus <= 4                      ? 3
                                                     : 4;
  waits_[size].push_back(wait);
}

bool Experiment::place(double now, Waiting waiting) {
  engine::Demand demand{.name = "", .parts = {{.pod_class = classes_[waiting.pod], .count = 1}}};
  auto budget = WorkBudget::unlimited();
  auto decision = engine::place(state_, demand, options_.policy, budget);
  if (!decision.placed()) return false;
  started(now, waiting, decision.bindings[0].pod);
  return true;
}

void Experiment::arrive(double now, uint32_t pod, bool measured) {
  Waiting waiting{.pod = pod, .since = now, .measured = measured, .ticket = ++sequence_};
  if (place(now, waiting)) return;
  queue_.push(waiting);
  if (options_.rule == QueueRule::kWindowMoves) work_on_emptying(now, engine::kNone);
}

/// A hole goes to the pods that wait, and to nobody while the node is being emptied.
void Experiment::offer(double now, engine::NodeIndex node) {
  if (emptying_.is_target(node)) return;
  bool window = options_.rule == QueueRule::kWindowMoves;
  while (auto waiting = queue_.take_for(state_, node, window)) {
    engine::RunningPod pod{.pod_class = classes_[waiting->pod], .node = node};
    started(now, *waiting, engine::assign_on(state_, std::move(pod), options_.policy));
  }
}

void Experiment::work_on_emptying(double now, engine::NodeIndex hole) {
  emptying_.choose_targets(queue_.multi_gpu(), classes_);
  emptying_.move_pods(hole, placements_);
  for (auto& ready : emptying_.take_ready(classes_)) {
    queue_.erase(ready.waiting);
    engine::RunningPod pod{.pod_class = classes_[ready.waiting.pod], .node = ready.node};
    started(now, ready.waiting, engine::assign_on(state_, std::move(pod), options_.policy));
    offer(now, ready.node);
  }
}

void Experiment::depart(double now, const Departure& departure) {
  engine::PodIndex index = emptying_.finished(departure.start);
  engine::NodeIndex node = state_.pod(index).node;
  const auto& compiled = state_.compiled(state_.pod(index).pod_class);
  allocated_ -= compiled.device_demand();
  state_.remove_pod(index);
  if (options_.rule == QueueRule::kWindowMoves) work_on_emptying(now, node);
  offer(now, node);
}

DynamicRun Experiment::run(int64_t seed) {
  double mean = 0;
  for (const auto& pod : trace_.pods) {
    mean += static_cast<double>(pod.gpu_demand()) / engine::kWholeDevice * lifetime_of(pod);
  }
  mean /= static_cast<double>(trace_.pods.size());
  double rate = options_.load * static_cast<double>(trace_.capacity_milli()) / engine::kWholeDevice / mean;
  Random random(static_cast<uint64_t>(seed));
  std::vector<uint32_t> order(trace_.pods.size());
  size_t at = order.size();
  double next = 0;
  auto draw = [&] { next += -std::log1p(-random.unit()) / rate; };
  draw();
  while (next < kEnd || !departures_.empty()) {
    if (next >= kEnd && queue_.empty()) break;
    if (!departures_.empty() && (departures_.top().time <= next || next >= kEnd)) {
      auto departure = departures_.top();
      departures_.pop();
      pass_time(departure.time);
      depart(departure.time, departure);
      continue;
    }
    if (at == order.size()) {
      std::iota(order.begin(), order.end(), 0U);
      for (size_t i = order.size() - 1; i > 0; --i)
        std::swap(order[i], order[random.below(i + 1)]);
      at = 0;
    }
    pass_time(next);
    arrive(next, order[at++], next >= kWarmUp);
    draw();
  }
  pass_time(kEnd);
  return summary(seed);
}

DynamicRun Experiment::summary(int64_t seed) const {
  DynamicRun out{.seed = seed};
  out.gpu_weighted_wait_s = weight_ > 0 ? weighted_ / weight_ : 0;
  out.longest_wait_s = longest_;
  out.delivered_percent =
      100 * delivered_ / (static_cast<double>(trace_.capacity_milli()) * (kEnd - kWarmUp));
  out.moves_percent =
      placements_ > 0 ? 100.0 * static_cast<double>(emptying_.moves()) / static_cast<double>(placements_) : 0;
  for (size_t i = 0; i < waits_.size(); ++i) {
    auto waits = waits_[i];
    if (waits.empty()) continue;
    std::ranges::sort(waits);
    out.by_size[i] = {std::accumulate(waits.begin(), waits.end(), 0.0) / static_cast<double>(waits.size()),
                      waits[(waits.size() - 1) * 99 / 100],
                      static_cast<int64_t>(waits.size()),
                      {}};
    for (size_t percent = 0; options_.series && percent <= 100; ++percent)
      out.by_size[i].percentiles_s.push_back(waits[(waits.size() - 1) * percent / 100]);
  }
  out.never_placed = static_cast<int64_t>(queue_.size());
  out.points = points_;
  out.devices = devices_;
  return out;
}

}  // namespace

std::vector<engine::TypicalPod> demand_by_lifetime(const Trace& trace) {
  using Key = std::tuple<int64_t, int32_t, int32_t, std::vector<std::string>>;
  std::map<Key, double> groups;
  for (const auto& pod : trace.pods)
    groups[{pod.cpu_milli, pod.gpu_milli, pod.gpus, pod.models}] += lifetime_of(pod);
  std::vector<engine::TypicalPod> out;
  for (const auto& [key, seconds] : groups) {
    const auto& [cpu, milli, gpus, models] = key;
    out.push_back({.cpu_milli = cpu,
                   .count = gpus,
                   .milli = gpus > 0 ? milli : engine::kWholeDevice,
                   .products = models,
                   .weight = std::max<int64_t>(1, std::llround(seconds))});
  }
  return out;
}

Result<DynamicRun> run_dynamic(const Trace& trace, int64_t seed, const DynamicOptions& options) {
  if (!(options.load > 0 && options.load <= 2)) {
    return fail(Code::kInvalidArgument,
                fmt::format("--load {}: must be above 0 and at most 2", options.load));
  }
  if (std::ranges::any_of(trace.pods, [](const TracePod& pod) { return pod.deletion_s < 0; })) {
    return fail(Code::kInvalidArgument,
                "the pod list has no creation_time and deletion_time: no lifetimes to replay");
  }
  TRY(auto state, build_cluster(trace, {}));
  TRY(auto classes, intern_pods(trace, state));
  return Experiment(trace, options, std::move(state), std::move(classes)).run(seed);
}

}  // namespace stowage::replay
