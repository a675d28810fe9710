#include "gpu-scheduler/replay/emptying.h"

#include <algorithm>

#include "gpu-scheduler/engine/fit.h"
#include "gpu-scheduler/engine/interner.h"
#include "gpu-scheduler/engine/place.h"

namespace stowage::replay {
namespace {

constexpr size_t kTargets = 4;
/// A pod of several GPUs is as hard to move as this many others.
constexpr int64_t kMultiGpuPods = 50;

}  // namespace

void Emptying::started(engine::PodIndex pod, uint64_t run) {
  run_of_[pod] = run;
  pod_of_[run] = pod;
}

engine::PodIndex Emptying::finished(uint64_t run) {
  auto it = pod_of_.find(run);
  engine::PodIndex pod = it->second;
  pod_of_.erase(it);
  run_of_.erase(pod);
  return pod;
}

bool Emptying::is_target(engine::NodeIndex node) const {
  return std::ranges::find(targets_, node, &Target::node) != targets_.end();
}

/// The node with the fewest pods among those that could hold the pod when empty.
std::optional<engine::NodeIndex> Emptying::cheapest(engine::ClassId pod) {
  const auto& wanted = state_.compiled(pod);
  std::optional<engine::NodeIndex> best;
  int64_t least = 0;
  for (engine::NodeIndex node : state_.nodes_in_order()) {
    const auto& row = state_.node(node);
    if (row.reserved || row.device_free.size() < static_cast<size_t>(wanted.device_count)) continue;
    if (row.spec->allocatable.cpu_milli < wanted.cpu_milli) continue;
    int64_t cost = 0;
    for (engine::PodIndex other : row.pods) {
      cost += state_.compiled(state_.pod(other).pod_class).device_count > 1 ? kMultiGpuPods : 1;
    }
    if (best && cost >= least) continue;
    if (engine::check_fixed(state_, *row.spec, row, wanted)) continue;
    best = node;
    least = cost;
  }
  return best;
}

void Emptying::choose_targets(const std::vector<Waiting>& waiting,
                              const std::vector<engine::ClassId>& classes) {
  // Pods that were placed elsewhere meanwhile release their target.
  std::erase_if(targets_, [&](const Target& target) {
    bool waits =
        std::ranges::any_of(waiting, [&](const Waiting& w) { return w.ticket == target.waiting.ticket; });
    if (!waits) state_.set_reserved(target.node, false);
    return !waits;
  });
  for (const auto& pod : waiting) {
    if (targets_.size() >= kTargets) return;
    bool has = std::ranges::any_of(targets_, [&](const Target& t) { return t.waiting.ticket == pod.ticket; });
    if (has) continue;
    auto node = cheapest(classes[pod.pod]);
    if (!node) continue;
    state_.set_reserved(*node, true);
    targets_.push_back({*node, pod});
  }
}

bool Emptying::move_to(engine::PodIndex pod, engine::NodeIndex node) {
  auto moved = state_.pod(pod);
  if (engine::fits_on(state_, moved.pod_class, node)) return false;
  moved.node = node;
  moved.devices = 0;
  engine::PodIndex index = engine::assign_on(state_, std::move(moved), policy_);
  state_.remove_pod(pod);
  uint64_t run = run_of_.at(pod);
  run_of_.erase(pod);
  started(index, run);
  ++moves_;
  return true;
}

void Emptying::move_pods(engine::NodeIndex hole, int64_t placements) {
  if (hole != engine::kNone && is_target(hole)) return;
  for (auto& target : targets_) {
    auto pods = state_.node(target.node).pods;
    std::ranges::sort(pods, [&](engine::PodIndex a, engine::PodIndex b) {
      auto x = state_.compiled(state_.pod(a).pod_class).device_demand();
      auto y = state_.compiled(state_.pod(b).pod_class).device_demand();
      return x != y ? x > y : a < b;
    });
    bool fresh = std::exchange(target.fresh, false);
    if (!fresh && hole == engine::kNone) continue;
    for (engine::PodIndex pod : pods) {
      if (moves_ + 1 > placements * limit_permyriad_ / 10'000) return;
      const auto& compiled = state_.compiled(state_.pod(pod).pod_class);
      if (compiled.device_count == 0) continue;
      if (!fresh) {
        move_to(pod, hole);
        continue;
      }
      engine::Demand demand{.name = "", .parts = {{.pod_class = state_.pod(pod).pod_class, .count = 1}}};
      auto budget = WorkBudget::unlimited();
      auto decision = engine::place(state_, demand, policy_, budget);
      if (!decision.placed()) continue;
      state_.remove_pod(pod);
      uint64_t run = run_of_.at(pod);
      run_of_.erase(pod);
      started(decision.bindings[0].pod, run);
      ++moves_;
    }
  }
}

std::vector<Emptying::Ready> Emptying::take_ready(const std::vector<engine::ClassId>& classes) {
  std::vector<Ready> out;
  std::erase_if(targets_, [&](const Target& target) {
    state_.set_reserved(target.node, false);
    if (!engine::fits_on(state_, classes[target.waiting.pod], target.node)) {
      out.push_back({target.waiting, target.node});
      return true;
    }
    state_.set_reserved(target.node, true);
    return false;
  });
  return out;
}

}  // namespace stowage::replay
