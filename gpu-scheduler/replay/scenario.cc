#include "gpu-scheduler/replay/scenario.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/work_budget.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/interner.h"
#include "gpu-scheduler/engine/place.h"
#include "gpu-scheduler/replay/fragmentation.h"

namespace stowage::replay {
namespace {

/// One pod alone or one gang.
struct Unit {
  size_t entry = 0;  ///< Index into Scenario::pods.
  engine::Demand demand;
  enum class State : uint8_t { kToCome, kWaits, kRuns, kLeft } state = State::kToCome;
  std::vector<engine::PodIndex> pods;
};

class Player {
 public:
  Player(const Scenario& scenario, const engine::Policy& policy)
      : scenario_(scenario), policy_(policy), state_(scenario.policy.levels) {
    if (policy_.model) meter_.emplace(policy_.model);
  }

  Result<ScenarioRun> play() {
    for (const auto& node : scenario_.nodes)
      TRY_VOID(state_.upsert_node(node));
    for (size_t i = 0; i < scenario_.pods.size(); ++i)
      TRY_VOID(add_units(i));
    std::set<Millis> moments;
    for (const auto& entry : scenario_.pods)
      moments.insert(entry.at);
    for (const auto& expectation : scenario_.expectations)
      moments.insert(expectation.at);
    while (!moments.empty() || !departures_.empty()) {
      Millis now = moments.empty() ? departures_.begin()->first : *moments.begin();
      if (!departures_.empty()) now = std::min(now, departures_.begin()->first);
      if (now > scenario_.until) break;
      moments.erase(now);
      at(now);
      record(now);
    }
    sum_up();
    return std::move(run_);
  }

 private:
  Result<void> add_units(size_t index) {
    const auto& entry = scenario_.pods[index];
    TRY(const auto pod, state_.intern(entry.pod));
    const auto number = entry.gang ? 1 : entry.count;
    for (int32_t i = 0; i < number; ++i) {
      Unit unit{.entry = index};
      unit.demand.name = number == 1 ? entry.name : fmt::format("{}-{}", entry.name, i);
      unit.demand.priority = entry.priority;
      unit.demand.topology = entry.topology;
      unit.demand.arrival = entry.at.count();
      unit.demand.parts.push_back({.pod_class = pod, .count = entry.gang ? entry.count : 1});
      units_.push_back(std::move(unit));
    }
    return {};
  }

  /// Who leaves, who comes, who waits, what should hold: in this order.
  void at(Millis now) {
    bool room = false;
    while (!departures_.empty() && departures_.begin()->first <= now) {
      leave(now, departures_.begin()->second);
      departures_.erase(departures_.begin());
      room = true;
    }
    for (size_t i = 0; i < units_.size(); ++i) {
      if (units_[i].state != Unit::State::kToCome || scenario_.pods[units_[i].entry].at != now) continue;
      if (!place(now, i)) {
        units_[i].state = Unit::State::kWaits;
        waiting_.insert({-int64_t{units_[i].demand.priority}, units_[i].demand.arrival, i});
      }
    }
    if (room) {
      std::erase_if(waiting_, [&](const auto& key) { return place(now, std::get<2>(key)); });
    }
    for (const auto& expectation : scenario_.expectations) {
      const auto before = run_.unmet.size();
      if (expectation.at == now) check(expectation);
      if (run_.unmet.size() > before) ++run_.failed;
    }
  }

  /// Tells of a wait once, when it begins.
  bool place(Millis now, size_t index) {
    auto& unit = units_[index];
    auto budget = WorkBudget::unlimited();
    auto decision = engine::place(state_, unit.demand, policy_, budget);
    if (!decision.placed()) {
      if (unit.state == Unit::State::kToCome)
        run_.events.push_back({now, unit.demand.name, ScenarioEvent::What::kWaits, {}, decision.why.message});
      return false;
    }
    unit.state = Unit::State::kRuns;
    for (const auto& binding : decision.bindings)
      unit.pods.push_back(binding.pod);
    run_.events.push_back({now, unit.demand.name, ScenarioEvent::What::kPlaced, nodes_of(unit), ""});
    if (const auto lifetime = scenario_.pods[unit.entry].lifetime)
      departures_.emplace(now + *lifetime, index);
    return true;
  }

  void leave(Millis now, size_t index) {
    auto& unit = units_[index];
    run_.events.push_back({now, unit.demand.name, ScenarioEvent::What::kLeft, nodes_of(unit), ""});
    for (const auto pod : unit.pods)
      state_.remove_pod(pod);
    unit.pods.clear();
    unit.state = Unit::State::kLeft;
  }

  [[nodiscard]] std::vector<std::string> nodes_of(const Unit& unit) const {
    std::vector<std::string> out;
    out.reserve(unit.pods.size());
    for (const auto pod : unit.pods)
      out.push_back(state_.node_name(state_.pod(pod).node));
    return out;
  }

  void check(const ScenarioExpectation& wanted) {
    const auto unmet = [&](std::string sentence) {
      run_.unmet.push_back(
          fmt::format("{}: {}: {}", wanted.where, scenario_.pods[wanted.pods].name, sentence));
    };
    int64_t placed = 0;
    int64_t waiting = 0;
    std::set<std::string> strangers;
    std::set<engine::DomainId> domains;
    for (const auto& unit : units_) {
      if (unit.entry != wanted.pods) continue;
      if (unit.state == Unit::State::kWaits) waiting += unit.demand.pod_count();
      placed += static_cast<int64_t>(unit.pods.size());
      for (const auto pod : unit.pods) {
        const auto node = state_.pod(pod).node;
        if (std::ranges::find(wanted.nodes, state_.node_name(node)) == wanted.nodes.end())
          strangers.insert(state_.node_name(node));
        if (!wanted.same_domain.empty())
          domains.insert(state_.domain_of(node, *state_.level_index(wanted.same_domain)));
      }
    }
    if (wanted.placed && placed != *wanted.placed)
      unmet(fmt::format("{} pods are placed, {} expected", placed, *wanted.placed));
    if (wanted.waiting && waiting != *wanted.waiting)
      unmet(fmt::format("{} pods wait, {} expected", waiting, *wanted.waiting));
    if (!wanted.nodes.empty() && !strangers.empty())
      unmet(fmt::format("on {}, which is not among {}", fmt::join(strangers, ", "),
                        fmt::join(wanted.nodes, ", ")));
    if (domains.size() > 1 || domains.contains(engine::kNone))
      unmet(fmt::format("not in one {}", wanted.same_domain));
  }

  void record(Millis now) {
    int64_t free = 0;
    int64_t all = 0;
    for (const auto node : state_.nodes_in_order()) {
      for (const auto left : state_.node(node).device_free)
        free += left, all += engine::kWholeDevice;
    }
    if (all == 0) return;
    const auto capacity = static_cast<double>(all);
    run_.points.push_back({.at = now,
                           .allocated_percent = 100.0 * static_cast<double>(all - free) / capacity,
                           .fragmentation_percent = meter_ ? 100.0 * meter_->measure(state_) / capacity : 0});
  }

  void sum_up() {
    if (!run_.points.empty()) run_.allocated_percent = run_.points.back().allocated_percent;
    for (const auto node : state_.nodes_in_order()) {
      const auto& row = state_.node(node);
      for (const auto& pool : row.pools) {
        const auto first = row.device_free.begin() + pool.first;
        run_.devices.push_back(
            {state_.node_name(node), std::string(state_.text(pool.product)), {first, first + pool.count}});
      }
    }
    for (const auto& unit : units_) {
      const auto pods = unit.demand.pod_count();
      if (unit.state == Unit::State::kRuns) run_.placed += pods;
      if (unit.state == Unit::State::kWaits) run_.waiting += pods;
      if (unit.state == Unit::State::kLeft) run_.left += pods;
    }
  }

  const Scenario& scenario_;
  const engine::Policy& policy_;
  engine::ClusterState state_;
  std::vector<Unit> units_;
  std::set<std::tuple<int64_t, int64_t, size_t>> waiting_;  ///< Less priority, arrival, index of the unit.
  std::multimap<Millis, size_t> departures_;
  std::optional<FragmentationMeter> meter_;
  ScenarioRun run_;
};

}  // namespace

std::string_view to_string(ScenarioEvent::What what) {
  switch (what) {
    case ScenarioEvent::What::kPlaced:
      return "placed";
    case ScenarioEvent::What::kWaits:
      return "waits";
    case ScenarioEvent::What::kLeft:
      return "left";
  }
  return "";
}

std::vector<engine::TypicalPod> demand_of(const Scenario& scenario) {
  std::vector<engine::TypicalPod> out;
  out.reserve(scenario.pods.size());
  for (const auto& entry : scenario.pods) {
    out.push_back({.cpu_milli = entry.pod.requests.cpu_milli,
                   .count = entry.pod.device.count,
                   .milli = entry.pod.device.count > 0 ? entry.pod.device.milli : engine::kWholeDevice,
                   .products = entry.pod.device.products,
                   .weight = entry.count});
  }
  return out;
}

Result<ScenarioRun> run_scenario(const Scenario& scenario, const engine::Policy& policy) {
  return Player(scenario, policy).play();
}

}  // namespace stowage::replay
