#include "gpu-scheduler/cycle.h"

#include <fmt/core.h>

#include <chrono>
#include <utility>

#include "base/quantity.h"
#include "gpu-scheduler/engine/place.h"
#include "gpu-scheduler/preemption_note.h"

namespace stowage::scheduler {
namespace {

/// Nodes looked at per decision: far above any cluster, against runaway work alone.
constexpr int64_t kPlaceBudget = 200'000'000;

/// What would help costs several placements: not more often than people read it, and bounded in nodes
/// looked at (a few ms).
constexpr std::chrono::seconds kExplainEvery{30};
constexpr int64_t kExplainBudget = 500'000;

/// Classes that are remembered as refused; each entry is about 1 kB.
constexpr size_t kMostRefused = 1000;

std::string first_word(const engine::Explanation& why) {
  return why.reason.empty() ? "Unschedulable" : why.reason;
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words)
    out += (out.empty() ? "" : ", ") + word;
  return out;
}

/// What the pod asked for, where the reason alone does not tell: " Asked for NVIDIA-B300."
std::string asked(engine::Reason dominant, const engine::PodClass& pod) {
  if (dominant == engine::Reason::kProduct) return fmt::format(" Asked for {}.", join(pod.device.products));
  if (dominant == engine::Reason::kDeviceMemory)
    return fmt::format(" Asked for {} a device.", format_bytes(pod.device.memory_bytes));
  if (dominant != engine::Reason::kTier) return {};
  std::vector<std::string> tiers;
  tiers.reserve(pod.tiers.size());
  for (const engine::Tier tier : pod.tiers)
    tiers.emplace_back(engine::to_string(tier));
  return fmt::format(" Asked for tier {}.", join(tiers));
}

/// Equal keys are equal questions; empty for gangs and what depends on the unit itself.
std::string question(const ReadyUnit& ready) {
  const engine::Demand& demand = ready.demand;
  // Rules between pods also depend on labels of namespaces, which no version of a node tells.
  if ((ready.helps & bit(ClusterEvent::kNamespaceChanged)) != 0) return {};
  if (demand.parts.size() != 1 || demand.parts[0].count != 1 || !demand.joined.empty() ||
      !demand.spread.level.empty())
    return {};
  return fmt::format("{}|{}|{}|{}|{}", ready.policy, demand.parts[0].pod_class, demand.priority,
                     static_cast<int>(demand.topology.mode), demand.topology.level);
}

}  // namespace

const Cycle::Refused* Cycle::refused_before(const std::string& key) const {
  const auto it = key.empty() ? refused_.end() : refused_.find(key);
  const bool holds = it != refused_.end() && it->second.changes == cache_.state().change_end() &&
                     it->second.layout == cache_.state().layout_version();
  return holds ? &it->second : nullptr;
}

const Pending* Cycle::pending(std::string_view unit) const {
  const auto it = pending_.find(unit);
  return it == pending_.end() ? nullptr : &it->second;
}

const Placed* Cycle::placed(std::string_view unit) const {
  const auto it = placed_.find(unit);
  return it == placed_.end() ? nullptr : &it->second;
}

std::set<std::string> Cycle::requeue_touched() {
  std::set<std::string> touched = cache_.take_touched();
  for (const std::string& unit : touched) {
    if (waiting_members(cache_, unit).empty()) {
      queue_.remove(unit);
      pending_.erase(unit);
      if (cache_.members(unit) == nullptr) placed_.erase(unit);
    } else {
      queue_.add(unit, rank_unit(cache_, unit));
    }
  }
  return touched;
}

std::optional<Cycle::Outcome> Cycle::run_one(MonoTime now, WallTime wall) {
  // 1. The unit whose turn it is.
  auto unit = queue_.pop();
  if (!unit) return std::nullopt;
  // 2. Its members, and whether they are a gang that may be tried.
  Unit read = read_unit(cache_, *unit);
  if (std::holds_alternative<SettledUnit>(read)) {
    pending_.erase(*unit);
    return Outcome{.unit = *unit};
  }
  if (auto* held = std::get_if<HeldUnit>(&read)) {
    hold(*unit, std::move(*held), wall);
    return Outcome{.unit = *unit};
  }
  // 3.-5. Decide, then assume or park.
  return decide(*unit, std::move(std::get<ReadyUnit>(read)), now, wall);
}

Cycle::Outcome Cycle::decide(const std::string& unit, ReadyUnit ready, MonoTime now, WallTime wall) {
  Outcome out{.unit = unit};
  // 3. The policy that the pods name.
  const ActivePolicy* policy = policies_.find(ready.policy);
  if (policy == nullptr) {
    hold(unit,
         {.reason = "UnknownPolicy",
          .message = fmt::format(
              "UnknownPolicy: there is no SchedulingPolicy \"{}\": create it, or name another one",
              ready.policy),
          .helps = bit(ClusterEvent::kPolicyChanged)},
         wall);
    return out;
  }
  if (const auto valid = engine::validate(cache_.state(), ready.demand); !valid) {
    std::string message = "InvalidGroup: " + valid.error().message;
    if (!policy->problem.empty())
      message += fmt::format("; SchedulingPolicy \"{}\": {}", ready.policy, policy->problem);
    hold(
        unit,
        {.reason = "InvalidGroup", .message = std::move(message), .helps = bit(ClusterEvent::kPolicyChanged)},
        wall);
    return out;
  }
  // 4. All or nothing: on success the state holds the pods. Thousands of equal pods are answered once.
  const std::string key = question(ready);
  engine::Decision decision;
  if (const Refused* known = refused_before(key)) {
    decision.why = known->why;
  } else {
    WorkBudget budget(kPlaceBudget);
    decision = engine::place(cache_.state(), ready.demand, policy->policy, budget);
  }
  out.tried = true;
  if (decision.placed()) {
    ++counts_[ready.policy].placed;
    out.binds = assume(unit, ready, decision);
    out.gang_timeout = policy->gang_timeout;
    pending_.erase(unit);
    // Pods of a PodGroup beyond its least count come next.
    if (!waiting_members(cache_, unit).empty()) queue_.add(unit, rank_unit(cache_, unit));
    return out;
  }
  // 5. It waits, and says why.
  ++counts_[ready.policy].unschedulable;
  refuse(unit, key, ready, std::move(decision.why), *policy, now, wall);
  return out;
}

void Cycle::refuse(const std::string& unit, const std::string& key, const ReadyUnit& ready,
                   engine::Explanation why, const ActivePolicy& policy, MonoTime now, WallTime wall) {
  Pending next{.reason = first_word(why), .why = std::move(why), .explained = now};
  const Pending* before = pending(unit);
  if (before != nullptr && before->reason == next.reason && now - before->explained < kExplainEvery) {
    next.why.would_fit_if = before->why.would_fit_if;
    next.preemption = before->preemption;
    next.explained = before->explained;
  } else if (const Refused* known = refused_before(key)) {
    next.preemption = known->preemption;
  } else {
    WorkBudget budget(kExplainBudget);
    next.why.would_fit_if = engine::explain(cache_.state(), ready.demand, policy.policy, budget).would_fit_if;
    WorkBudget victims(kExplainBudget);
    next.preemption = preemption_note(cache_.state(), ready.demand, policy.policy, victims);
  }
  if (refused_.size() >= kMostRefused) refused_.clear();
  if (!key.empty())
    refused_[key] = {.changes = cache_.state().change_end(),
                     .layout = cache_.state().layout_version(),
                     .why = next.why,
                     .preemption = next.preemption};
  next.message = next.why.message +
                 asked(next.why.dominant, cache_.state().pod_class(ready.demand.parts.front().pod_class)) +
                 next.preemption;
  wait(unit, std::move(next), ready.helps, wall);
}

std::vector<PlannedBind> Cycle::assume(const std::string& unit, const ReadyUnit& ready,
                                       const engine::Decision& decision) {
  std::vector<PlannedBind> binds;
  binds.reserve(decision.bindings.size());
  for (const engine::Binding& binding : decision.bindings) {
    const engine::MemberId& member = ready.demand.parts[binding.part].members[binding.member];
    const PodRecord* record = cache_.find(member.uid);
    const std::string& node = cache_.state().node_name(binding.node);
    PlannedBind bind{.pod = record->pod,
                     .unit = unit,
                     .node = node,
                     .node_uid = std::string(cache_.node_uid(node)),
                     .devices = binding.devices};
    if (const auto claims = ready.claims.find(member.uid); claims != ready.claims.end())
      bind.claims = claims->second;
    cache_.assumed(member.uid, node);
    binds.push_back(std::move(bind));
  }
  // Only a deployment's status reads it.
  if (binds.empty() || binds.front().pod->meta.controller() == nullptr) return binds;
  Placed& placed = placed_[unit];
  placed.domain = decision.why.domain;
  placed.score = 0;
  const ActivePolicy* policy = policies_.find(ready.policy);
  if (policy == nullptr) return binds;
  for (const engine::ScoreTerm& term :
       engine::explain_placement(cache_.state(), ready.demand, decision, policy->policy))
    placed.score += term.value;
  return binds;
}

void Cycle::hold(const std::string& unit, HeldUnit held, WallTime wall) {
  wait(unit, {.reason = std::move(held.reason), .message = std::move(held.message), .quiet = held.quiet},
       held.helps, wall);
}

void Cycle::wait(const std::string& unit, Pending next, EventMask helps, WallTime wall) {
  const Pending* before = pending(unit);
  next.since = before == nullptr ? wall : before->since;
  pending_[unit] = std::move(next);
  queue_.park(unit, rank_unit(cache_, unit), helps);
}

}  // namespace stowage::scheduler
