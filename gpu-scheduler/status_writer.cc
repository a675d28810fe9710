#include "gpu-scheduler/status_writer.h"

#include <fmt/core.h>

#include <functional>
#include <string>

#include "base/log.h"
#include "gpu-scheduler/kinds.h"
#include "gpu-scheduler/placement_status.h"
#include "kube/core/resource_version.h"

namespace stowage::scheduler {

namespace asio = boost::asio;
using kube::Action;

namespace {

constexpr Millis kDetailEvery{30'000};
/// The members of a group are created one after the other: not worth a word.
constexpr Millis kMembersGrace{2'000};
/// A unit that is placed is assumed, bound, confirmed: told once.
constexpr Millis kBurst{100};
/// Replicas are placed one by one; each changes the status.
constexpr Millis kBetween{1'000};
constexpr int kWorkers = 4;
constexpr std::string_view kPod = "pod:";
constexpr std::string_view kDep = "dep:";

/// How long to keep silent about a unit that may be complete in a moment.
std::optional<Millis> grace(const Pending& pending, WallTime wall) {
  const auto age = std::chrono::duration_cast<Millis>(wall - pending.since);
  if (pending.reason != "WaitingForMembers" || age >= kMembersGrace || age < Millis{0}) return std::nullopt;
  return kMembersGrace - age;
}

/// The object went away or is another one by now: nothing to write, its own events will tell.
bool is_gone(const Error& error) {
  return error.code == Code::kNotFound || error.code == Code::kConflict;
}

bool is_deployment(const api::OwnerReference& owner) {
  return owner.kind == kinds::kDeployments.kind && owner.api_version.starts_with("stowage.dev/");
}

}  // namespace

StatusWriter::StatusWriter(kube::Environment env, kube::Client& client, kube::EventRecorder& events,
                           const ClusterCache& cache, const Cycle& cycle,
                           const kube::Store<DeploymentObject>& deployments)
    : env_(env),
      client_(client),
      events_(events),
      cache_(cache),
      cycle_(cycle),
      deployments_(deployments),
      controller_(env, "scheduler_status", [this](std::string key) { return reconcile(std::move(key)); }) {}

void StatusWriter::start(kube::TaskScope& scope) {
  controller_.start(scope, kWorkers);
}

void StatusWriter::unit_changed(const std::string& unit) {
  const auto* members = cache_.members(unit);
  if (members == nullptr) return;
  const Pending* pending = cycle_.pending(unit);
  bool first = true;
  for (const std::string_view uid : *members) {
    const PodRecord* record = cache_.find(uid);
    if (record == nullptr) continue;
    if (std::exchange(first, false)) owner_changed(*record->pod);
    if (pending != nullptr && !pending->quiet && record->phase == PodPhase::kWaiting)
      controller_.queue().add(std::string(kPod).append(uid));
  }
}

void StatusWriter::owner_changed(const api::Pod& pod) {
  const api::OwnerReference* owner = pod.meta.controller();
  if (owner != nullptr && is_deployment(*owner))
    controller_.queue().add_after(std::string(kDep) + pod.meta.ns + "/" + owner->name, kBurst);
}

void StatusWriter::deployment_changed(const api::ObjectMeta& meta) {
  controller_.queue().add(std::string(kDep) + meta.key());
}

bool StatusWriter::wrote(const DeploymentObject& seen) const {
  const auto it = written_.find(seen.meta.key());
  return it != written_.end() && it->second.uid == seen.meta.uid && !it->second.version.empty() &&
         it->second.stored == json_hash(seen.placement);
}

bool StatusWriter::overwritten(const Written& written, const DeploymentObject& deployment) {
  return !written.version.empty() &&
         kube::resource_version_at_least(deployment.meta.resource_version, written.version) &&
         written.stored != json_hash(deployment.placement);
}

asio::awaitable<Result<Action>> StatusWriter::reconcile(std::string key) {
  if (key.starts_with(kPod)) co_return co_await write_condition(key.substr(kPod.size()));
  co_return co_await write_placement(key.substr(kDep.size()));
}

asio::awaitable<Result<Action>> StatusWriter::write_condition(std::string uid) {
  const PodRecord* record = cache_.find(uid);
  const Pending* pending = record == nullptr ? nullptr : cycle_.pending(record->unit);
  if (pending == nullptr || pending->quiet || record->phase != PodPhase::kWaiting) {
    conditions_.forget(uid);
    co_return Action::await_change();
  }
  if (const auto wait = grace(*pending, env_.clock.wall())) co_return Action::requeue_after(*wait);
  const PodRef pod = record->pod;
  ConditionStep step = conditions_.next(*pod, *pending, env_.clock.now(), env_.clock.wall());
  if (step.look_again) co_return Action::requeue_after(*step.look_again);
  if (step.patch.empty()) co_return Action::await_change();
  if (step.event)
    events_.record(
        {.api_version = "v1", .kind = "Pod", .ns = pod->meta.ns, .name = pod->meta.name, .uid = uid},
        "Warning", "FailedScheduling", pending->message);
  auto answer =
      co_await client_.strategic_patch(kinds::kPods, pod->meta.ns, pod->meta.name, std::move(step.patch),
                                       {.field_manager = "stowage-scheduler"}, "status");
  if (answer || is_gone(answer.error())) co_return Action::await_change();
  conditions_.failed(uid);
  co_return std::unexpected(std::move(answer).error());
}

asio::awaitable<Result<Action>> StatusWriter::write_placement(std::string key) {
  const auto deployment = deployments_.get(key);
  if (!deployment || deployment->meta.deleted) {
    written_.erase(key);
    co_return Action::await_change();
  }
  const auto replicas = read_replicas(cache_, cycle_, deployment->meta.uid);
  // A deployment without pods whose status says nothing is left alone.
  if (replicas.empty() && deployment->placement.empty()) co_return Action::await_change();
  for (const ReplicaPlacement& replica : replicas) {
    if (replica.pending == nullptr) continue;
    if (const auto wait = grace(*replica.pending, env_.clock.wall())) co_return Action::requeue_after(*wait);
  }
  PlacementStatus next = build_placement(deployment->meta.generation, replicas, deployment->placement);

  const auto it = written_.find(key);
  const bool ours = it != written_.end() && it->second.uid == deployment->meta.uid;
  const Written now{.uid = deployment->meta.uid,
                    .json = std::hash<std::string>()(next.json),
                    .signature = std::hash<std::string>()(next.signature),
                    .at = env_.clock.now()};
  const bool lost = ours && overwritten(it->second, *deployment);
  const size_t stored = ours ? 0 : json_hash(deployment->placement);
  if (ours ? it->second.json == now.json && !lost : json_hash(next.json) == stored) {
    if (!ours)
      written_[key] = {.uid = now.uid,
                       .json = now.json,
                       .signature = now.signature,
                       .version = deployment->meta.resource_version,
                       .stored = stored};
    co_return Action::await_change();
  }
  const auto age = ours ? std::chrono::duration_cast<Millis>(now.at - it->second.at) : kDetailEvery;
  const Millis pause = ours && !lost && it->second.signature == now.signature ? kDetailEvery : kBetween;
  if (age < pause) co_return Action::requeue_after(pause - age);

  const std::string body = fmt::format(
      R"({{"apiVersion":"{}","kind":"{}","metadata":{{"name":{},"namespace":{},"uid":{}}},"status":{{"placement":{}}}}})",
      kinds::kDeployments.api_version(), kinds::kDeployments.kind, json_quote(deployment->meta.name),
      json_quote(deployment->meta.ns), json_quote(deployment->meta.uid), next.json);
  written_[key] = now;
  auto answer = co_await client_.apply(kinds::kDeployments, deployment->meta.ns, deployment->meta.name, body,
                                       {.field_manager = "stowage-scheduler", .force = true}, "status");
  if (!answer && !is_gone(answer.error())) {
    written_.erase(key);
    co_return std::unexpected(std::move(answer).error());
  }
  if (!answer) co_return Action::await_change();
  // What the API server made of it: a late copy of an earlier one differs from that.
  const auto known = written_.find(key);
  if (const auto stands = decode_deployment(*answer); stands && known != written_.end()) {
    known->second.version = stands->meta.resource_version;
    known->second.stored = json_hash(stands->placement);
  }
  co_return Action::await_change();
}

}  // namespace stowage::scheduler
