#include "controllers/model_deployment/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "controllers/model_deployment/names.h"

namespace stowage::model_deployment {
namespace {

constexpr size_t kMessageBytes = 1024;

struct Counts {
  int32_t existing = 0;
  int32_t ready = 0;
  int32_t placed = 0;
  int32_t updated = 0;
  int32_t updated_ready = 0;
};

Counts count(const StatusInput& input) {
  Counts out;
  for (const auto& view : input.plan.replicas) {
    if (!view.exists) continue;
    const bool updated = view.revision == input.update_revision;
    ++out.existing;
    out.ready += view.ready ? 1 : 0;
    out.placed += view.placed ? 1 : 0;
    out.updated += updated ? 1 : 0;
    out.updated_ready += updated && view.ready ? 1 : 0;
  }
  return out;
}

// What a condition says, before it meets its history.
struct Verdict {
  bool holds = false;
  std::string reason;
  std::string message;
};

std::string cut(std::string text) {
  if (text.size() <= kMessageBytes) return text;
  size_t end = kMessageBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return text.substr(0, end) + "...";
}

const ReplicaView* find(const Plan& plan, auto predicate) {
  const auto it = std::ranges::find_if(plan.replicas, predicate);
  return it == plan.replicas.end() ? nullptr : &*it;
}

std::string about(const ReplicaView& view, std::string_view fallback) {
  return fmt::format("replica {}: {}", view.replica, view.problem.empty() ? fallback : view.problem);
}

// "replica 0 needs 2x8 NVIDIA-H100-80GB-HBM3 in one rack": what the scheduler's words are about.
std::string wish(const StatusInput& input, const ReplicaView& view) {
  if (!input.shape) return fmt::format("replica {}", view.replica);
  const auto& spec = input.deployment.spec;
  std::string out =
      fmt::format("replica {} needs {}", view.replica, describe_accelerator(spec.accelerator, *input.shape));
  if (spec.placement.topology_required && !spec.placement.topology_level.empty() && input.shape->nodes > 1) {
    out += fmt::format(" in one {}", spec.placement.topology_level);
  }
  return out;
}

Verdict placed(const StatusInput& input, const Counts& counts) {
  if (input.target == 0 && counts.existing == 0) return {true, "NothingToPlace", "No replicas are wanted."};
  const auto* unplaced = find(input.plan, [](const ReplicaView& v) { return v.exists && !v.placed; });
  if (unplaced == nullptr && counts.placed >= input.target) {
    return {true, "AllPlaced", "All pods have a node."};
  }
  if (unplaced == nullptr) {
    return {false, "PodsMissing", fmt::format("{} of {} replicas have pods.", counts.existing, input.target)};
  }
  const std::string reason =
      unplaced->problem_reason.empty() ? "WaitingForScheduler" : unplaced->problem_reason;
  const std::string& problem = unplaced->problem;
  return {false, reason,
          wish(input, *unplaced) + ": " + (problem.empty() ? "the scheduler has not decided yet" : problem)};
}

Verdict spent(const ReplicaView& view) {
  return {
      false, "RestartBudgetSpent",
      fmt::format(
          "replica {} failed {} in a row{}: read its pods' logs, then change the "
          "spec or raise rollout.restartBudget; last failure: {}",
          // The kubelet goes on counting: an exact number would be a write for each of its restarts.
          view.replica,
          view.single ? "more often than its budget permits" : std::to_string(view.restarts + 1) + " times",
          view.single ? "" : " and is left as it is", view.problem.empty() ? "unknown" : view.problem)};
}

bool settled(const StatusInput& input, const Counts& counts) {
  return counts.existing == input.target && counts.updated_ready == input.target &&
         input.plan.creates.empty() && input.plan.deletes.empty();
}

Verdict ready(const StatusInput& input, const Counts& counts, const Verdict& place) {
  if (input.issue) return {false, input.issue->reason, input.issue->message};
  if (const auto* view = find(input.plan, [](const ReplicaView& v) { return v.spent; })) return spent(*view);
  if (settled(input, counts)) {
    if (input.deployment.spec.suspend) return {true, "Suspended", "spec.suspend is true: no pods are kept."};
    if (input.target == 0) return {true, "ScaledToZero", "No replicas are wanted."};
    return {true, "AllReplicasReady",
            fmt::format("{} of {} replicas are ready.", counts.ready, input.target)};
  }
  if (input.target == 0) return {false, "ScalingDown", "Pods are being removed."};
  if (const auto* view = find(input.plan, [](const ReplicaView& v) { return v.waiting; })) {
    return {false, "RestartBackOff", about(*view, "failed and is started again soon")};
  }
  if (!place.holds && place.reason == "Unschedulable") return {false, "WaitingForCapacity", place.message};
  const auto* trouble = find(input.plan, [](const ReplicaView& v) {
    return v.exists && v.placed && !v.ready && v.problem_reason.ends_with("BackOff");
  });
  if (trouble != nullptr)
    return {false, trouble->problem_reason, about(*trouble, "its engine does not start")};
  if (!place.holds && place.reason != "PodsMissing") return {false, place.reason, place.message};
  if (counts.updated < counts.existing) {
    return {false, "RollingOut",
            fmt::format("{} of {} replicas have revision {}.", counts.updated_ready, input.target,
                        input.update_revision)};
  }
  if (find(input.plan, [](const ReplicaView& v) { return v.restarts > 0 && !v.ready; }) != nullptr) {
    return {false, "Restarting", fmt::format("{} of {} replicas are ready.", counts.ready, input.target)};
  }
  return {false, "Starting", fmt::format("{} of {} replicas are ready.", counts.ready, input.target)};
}

Verdict progressing(const StatusInput& input, const Counts& counts) {
  if (input.issue) return {false, input.issue->reason, input.issue->message};
  if (const auto* view = find(input.plan, [](const ReplicaView& v) { return v.spent; })) return spent(*view);
  if (settled(input, counts)) return {true, "ReplicasReady", "Everything runs as the spec says."};
  const auto deadline = input.deployment.spec.rollout.progress_deadline;
  const auto* late = find(input.plan, [&](const ReplicaView& v) {
    return v.exists && !v.ready && v.revision == input.update_revision && input.now - v.since >= deadline;
  });
  if (late != nullptr) {
    return {
        false, "ProgressDeadlineExceeded",
        fmt::format("replica {} is not ready after {} s; no further replica is replaced. {}", late->replica,
                    std::chrono::duration_cast<std::chrono::seconds>(deadline).count(), late->problem)};
  }
  return {true, "Rolling", fmt::format("{} of {} replicas are ready.", counts.updated_ready, input.target)};
}

Verdict available(const StatusInput& input, const Counts& counts) {
  const int32_t least =
      input.target == 0 ? 0 : std::max(1, input.target - input.deployment.spec.rollout.max_unavailable);
  return {counts.ready >= least, counts.ready >= least ? "EnoughReplicas" : "TooFewReplicas",
          fmt::format("{} replicas are ready, {} are needed.", counts.ready, least)};
}

class Conditions {
 public:
  Conditions(const StatusInput& input, const api::ModelDeploymentStatus& before)
      : input_(input), before_(before) {}

  void set(const char* type, const Verdict& verdict) {
    api::Condition out{.type = type,
                       .status = verdict.holds ? "True" : "False",
                       .reason = verdict.reason,
                       .message = cut(verdict.message),
                       .observed_generation = input_.deployment.meta.generation};
    const auto* old = before_.condition(type);
    out.last_transition = old != nullptr && old->status == out.status
                              ? old->last_transition
                              : std::chrono::time_point_cast<std::chrono::seconds>(input_.now);
    all_.push_back(std::move(out));
  }
  std::vector<api::Condition> take() {
    std::ranges::sort(all_, {}, &api::Condition::type);
    return std::move(all_);
  }

 private:
  const StatusInput& input_;
  const api::ModelDeploymentStatus& before_;
  std::vector<api::Condition> all_;
};

std::vector<api::Condition> conditions(const StatusInput& input, const Counts& counts,
                                       const api::ModelDeploymentStatus& before) {
  const Verdict place = placed(input, counts);
  const Verdict serve = ready(input, counts, place);
  const bool budget_spent = find(input.plan, [](const ReplicaView& v) { return v.spent; }) != nullptr;
  const bool stalled = (input.issue && input.issue->stalled) || (!input.issue && budget_spent);
  Conditions out(input, before);
  if (input.issue) {
    out.set("Accepted", {false, input.issue->reason, input.issue->message});
  } else {
    out.set("Accepted", {true, "Valid", "The spec can be carried out."});
  }
  out.set("Placed", place);
  out.set("Progressing", progressing(input, counts));
  out.set("Available", available(input, counts));
  out.set("Ready", serve);
  // Present only while True: that is how kstatus and Argo CD read them.
  if (stalled) out.set("Stalled", {true, serve.reason, serve.message});
  if (!stalled && !serve.holds) out.set("Reconciling", {true, serve.reason, serve.message});
  if (!input.runtime_drift.empty()) {
    out.set("RuntimeOutdated", {true, "RuntimeChanged", input.runtime_drift});
  }
  return out.take();
}

}  // namespace

api::ModelDeploymentStatus make_status(const StatusInput& input, const api::ModelDeploymentStatus& before) {
  const Counts counts = count(input);
  const auto& deployment = input.deployment;
  api::ModelDeploymentStatus out;
  out.observed_generation = deployment.meta.generation;
  out.replicas = counts.existing;
  out.ready_replicas = counts.ready;
  out.updated_replicas = counts.updated;
  out.selector = scale_selector(deployment.meta.name);
  out.ready = fmt::format("{}/{}", counts.ready, input.target);
  out.placed = fmt::format("{}/{}", counts.placed, input.target);
  out.update_revision = input.update_revision;
  out.current_revision = before.current_revision;
  if (!input.issue && settled(input, counts)) out.current_revision = input.update_revision;
  const auto& served = deployment.spec.model.served_name;
  out.served_name = served.empty() ? deployment.meta.name : served;
  if (input.shape) {
    out.accelerator = describe_accelerator(deployment.spec.accelerator, *input.shape);
    out.nodes_per_replica = input.shape->nodes;
    out.selected = input.shape->selected;
  }
  out.attempts = input.plan.attempts;
  out.applied = input.applied;
  out.conditions = conditions(input, counts, before);
  return out;
}

bool same_but_figures(api::ModelDeploymentStatus a, api::ModelDeploymentStatus b) {
  for (auto* status : {&a, &b}) {
    status->replicas = status->ready_replicas = status->updated_replicas = 0;
    status->ready.clear();
    status->placed.clear();
    for (auto& condition : status->conditions) {
      condition.message.clear();
      condition.last_transition = {};
    }
  }
  return same_status(std::move(a), std::move(b));
}

bool same_status(api::ModelDeploymentStatus a, api::ModelDeploymentStatus b) {
  std::ranges::sort(a.conditions, {}, &api::Condition::type);
  std::ranges::sort(b.conditions, {}, &api::Condition::type);
  return a == b;
}

}  // namespace stowage::model_deployment
