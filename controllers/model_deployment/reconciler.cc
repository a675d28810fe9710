#include "controllers/model_deployment/reconciler.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "controllers/model_deployment/names.h"
#include "controllers/model_deployment/pass.h"
#include "kube/core/resource_version.h"

namespace stowage::model_deployment {
namespace kinds {
const kube::Resource kModelDeployment{"stowage.dev", "v1alpha1", "modeldeployments", "ModelDeployment"};
const kube::Resource kModelRuntime{"stowage.dev", "v1alpha1", "modelruntimes", "ModelRuntime", false};
const kube::Resource kSchedulingPolicy{"stowage.dev", "v1alpha1", "schedulingpolicies", "SchedulingPolicy",
                                       false};
const kube::Resource kPod{"", "v1", "pods", "Pod"};
const kube::Resource kService{"", "v1", "services", "Service"};
const kube::Resource kRevision{"apps", "v1", "controllerrevisions", "ControllerRevision"};
const kube::Resource kNode{"", "v1", "nodes", "Node", false};
}  // namespace kinds

namespace {

// Longer than any watch is silent for; after that the cache is believed as it is.
constexpr Millis kExpectationTimeout{30'000};
// What was made and removed unseen wakes nobody when the cache has followed beyond it.
constexpr Millis kExpectationPoll{2'000};
// What the API server refused is tried again this often: quotas and admission policies change.
constexpr Millis kRefusedPause{30'000};

// Pods of one deployment are bound and become ready one by one; each of them changes a figure.
constexpr Millis kFiguresPause{1'000};

Millis sooner(std::optional<Millis> a, Millis b) {
  return a && *a < b ? *a : b;
}

}  // namespace

Reconciler::Reconciler(kube::Environment env, kube::Client& client, kube::EventRecorder& events,
                       Stores stores)
    : env_(env),
      client_(client),
      events_(events),
      stores_(stores),
      expectations_(kExpectationTimeout),
      services_(kExpectationTimeout),
      revisions_(kExpectationTimeout) {}

boost::asio::awaitable<Result<kube::Action>> Reconciler::reconcile(std::string key) {
  // 1. What is there. Not before the cache has seen the pods that this process wrote for this object: what it
  // wrote for an earlier namesake may have been collected unseen.
  const auto current = stores_.deployments.get(key);
  const auto known = attempts_.find(key);
  if (current != nullptr && known != attempts_.end() && known->second.uid != current->meta.uid)
    expectations_.forget(key);
  const std::string followed = stores_.pods_followed ? stores_.pods_followed() : std::string();
  if (!expectations_.satisfied(key, env_.clock.now(), followed))
    co_return kube::Action::requeue_after(kExpectationPoll);
  Pass pass{.key = key, .observed = observe(stores_, key)};
  if (pass.observed.deployment == nullptr) {
    expectations_.forget(key);
    services_.forget(key);
    revisions_.forget(key);
    known_.erase(key);
    written_at_.erase(key);
    refused_.erase(key);
    attempts_.erase(key);
    waiting_since_.erase(key);
    drift_.erase(key);
    co_return kube::Action::await_change();
  }
  // Owner references let the garbage collector take the children.
  if (pass.deployment().meta.deleted) co_return kube::Action::await_change();
  add_made(pass);
  attempts_of(pass);
  find_status(pass);
  pass.issue = pass.observed.issue;
  CO_TRY_VOID(co_await find_lost_nodes(pass));

  // 2. The revision that pods are made of.
  CO_TRY_VOID(co_await ensure_revision(pass));

  // 3. What should be: pure.
  plan(pass);

  // 4. Write: Services before the pods that look for them, attempt numbers before the pods that they replace.
  CO_TRY_VOID(co_await ensure_services(pass));
  if (const auto refused = refused_.find(key); refused != refused_.end() && !pass.issue)
    pass.issue = refused->second;
  CO_TRY_VOID(co_await write_status(pass));
  tell(pass);
  CO_TRY_VOID(co_await delete_pods(pass));
  CO_TRY_VOID(co_await create_pods(pass));
  CO_TRY_VOID(co_await prune_revisions(pass));
  for (const auto& again :
       {pass.status_again, services_.next(key, env_.clock.now()), revisions_.next(key, env_.clock.now())}) {
    if (again) pass.plan.again = sooner(pass.plan.again, *again);
  }
  // Nothing tells us when a quota or a foreign Service is gone.
  if (refused_.contains(key) || pass.name_taken) {
    co_return kube::Action::requeue_after(sooner(pass.plan.again, kRefusedPause));
  }
  co_return pass.plan.again ? kube::Action::requeue_after(*pass.plan.again) : kube::Action::await_change();
}

void Reconciler::add_made(Pass& pass) {
  const std::string& uid = pass.deployment().meta.uid;
  const MonoTime now = env_.clock.now();
  services_.complete(pass.key, uid, now, pass.observed.services);
  revisions_.complete(pass.key, uid, now, pass.observed.revisions);
  std::ranges::sort(pass.observed.revisions, {}, [](const auto& r) { return r->number; });
}

// A node that the cache does not know may be newer than the cache: only the API server's word counts.
kube::Async<void> Reconciler::find_lost_nodes(Pass& pass) {
  for (const auto& node : pass.observed.unknown_nodes) {
    auto found = co_await client_.get(kinds::kNode, "", node);
    if (found) continue;
    if (found.error().code != Code::kNotFound) co_return std::unexpected(std::move(found).error());
    pass.lost_nodes.insert(node);
  }
  co_return Result<void>{};
}

void Reconciler::plan(Pass& pass) {
  const auto& deployment = pass.deployment();
  World& world = pass.world;
  world.now = env_.clock.wall();
  world.target = deployment.spec.suspend ? 0 : deployment.spec.replicas;
  world.limits = deployment.spec.rollout;
  world.revision = pass.revision;
  world.owner_uid = deployment.meta.uid;
  for (const auto& revision : pass.observed.revisions) {
    if (revision->nodes > 0) world.group_sizes[revision->meta.name] = revision->nodes;
  }
  for (const auto& pod : pass.observed.pods)
    world.members.push_back({.fact = *pod, .node_gone = pass.lost_nodes.contains(pod->node)});
  Attempts& known = attempts_of(pass);
  world.taken = known.taken;
  world.made = known.made;
  world.attempts = pass.before.attempts;
  const MonoTime now = env_.clock.now();
  auto& since = waiting_since_[pass.key];
  for (const auto& [group, seen] : since)
    world.waited[group] = std::chrono::duration_cast<Millis>(now - seen);
  pass.plan = decide(world);
  // A replica that is scaled away and comes back later is another one.
  std::erase_if(known.made, [&](const auto& entry) {
    return !std::ranges::binary_search(pass.plan.replicas, entry.first, {}, &ReplicaView::replica);
  });
  std::erase_if(since, [&](const auto& entry) { return !pass.plan.waiting.contains(entry.first); });
  for (const auto& group : pass.plan.waiting)
    since.try_emplace(group, now);
  if (since.empty()) waiting_since_.erase(pass.key);
}

Reconciler::Attempts& Reconciler::attempts_of(const Pass& pass) {
  const std::string& uid = pass.deployment().meta.uid;
  Attempts& out = attempts_[pass.key];
  if (out.uid != uid) out = {.uid = uid, .taken = {}, .made = {}};
  // Only what the cache has shown: of a create whose pod never came, the same name is tried again.
  for (const auto& pod : pass.observed.pods) {
    const auto* owner = pod->meta.controller();
    if (!pod->is_member() || owner == nullptr || owner->uid != uid) continue;
    int32_t& highest = out.made.try_emplace(pod->replica, pod->attempt).first->second;
    highest = std::max(highest, pod->attempt);
  }
  return out;
}

void Reconciler::find_status(Pass& pass) {
  const auto& deployment = pass.deployment();
  pass.before = deployment.status;
  pass.version = deployment.meta.resource_version;
  const auto known = known_.find(pass.key);
  if (known == known_.end()) return;
  if (known->second.uid != deployment.meta.uid ||
      kube::resource_version_at_least(pass.version, known->second.resource_version)) {
    known_.erase(known);
    return;
  }
  pass.before = known->second.status;
  pass.version = known->second.resource_version;
}

kube::Async<void> Reconciler::write_status(Pass& pass) {
  const auto& deployment = pass.deployment();
  StatusInput input{.deployment = deployment,
                    .plan = pass.plan,
                    .now = pass.world.now,
                    .target = pass.world.target,
                    .update_revision = pass.revision,
                    .issue = pass.issue,
                    .shape = pass.observed.shape,
                    .runtime_drift = pass.runtime_drift};
  if (const auto& runtime = pass.observed.runtime) {
    input.applied.push_back({"ModelRuntime", runtime->meta.name, runtime->meta.generation});
  }
  if (const auto& policy = pass.observed.policy) {
    input.applied.push_back({"SchedulingPolicy", policy->meta.name, policy->meta.generation});
  }
  const auto status = make_status(input, pass.before);
  if (same_status(status, pass.before)) co_return Result<void>{};
  const MonoTime now = env_.clock.now();
  const auto last = written_at_.find(pass.key);
  if (last != written_at_.end() && now - last->second < kFiguresPause &&
      same_but_figures(status, pass.before)) {
    pass.status_again = std::chrono::ceil<Millis>(kFiguresPause - (now - last->second));
    co_return Result<void>{};
  }
  const api::ObjectMeta& meta = deployment.meta;
  const std::string body = api::encode_status_apply(
      {.name = meta.name, .ns = meta.ns, .uid = meta.uid, .resource_version = pass.version}, status);
  const auto answer =
      co_await client_.apply(kinds::kModelDeployment, meta.ns, meta.name, body,
                             {.field_manager = std::string(kFieldManager), .force = true}, "status");
  if (!answer && answer.error().code == Code::kConflict) co_return co_await read_status(pass, answer.error());
  if (!answer) co_return std::unexpected(answer.error());
  CO_TRY(auto stored, api::decode_model_deployment(*answer));
  written_at_[pass.key] = now;
  const auto* stalled = status.condition("Stalled");
  const auto* stalled_before = pass.before.condition("Stalled");
  if (stalled != nullptr && (stalled_before == nullptr || stalled_before->reason != stalled->reason)) {
    event(pass, "Warning", stalled->reason, stalled->message);
  }
  pass.before = stored.status;
  pass.version = stored.meta.resource_version;
  known_[pass.key] = {stored.meta.uid, stored.meta.resource_version, std::move(stored.status)};
  co_return Result<void>{};
}

// The object has changed since the cache saw it: the next pass begins from what is there, whatever the watch
// does meanwhile.
kube::Async<void> Reconciler::read_status(const Pass& pass, Error conflict) {
  const auto& meta = pass.deployment().meta;
  CO_TRY(const std::string text, co_await client_.get(kinds::kModelDeployment, meta.ns, meta.name));
  CO_TRY(auto live, api::decode_model_deployment(text));
  known_[pass.key] = {live.meta.uid, live.meta.resource_version, std::move(live.status)};
  co_return std::unexpected(std::move(conflict));
}

void Reconciler::pod_seen(const kube::Ref<PodFact>& old, const kube::Ref<PodFact>& now) {
  const auto& pod = now ? now : old;
  const std::string key = deployment_key(pod->meta.ns, pod->deployment);
  if (now) expectations_.seen_create(key, now->meta.name);
  if (!now || now->meta.deleted) expectations_.seen_delete(key, pod->meta.uid);
}

bool Reconciler::knows(const api::ModelDeployment& seen) const {
  const auto known = known_.find(seen.meta.key());
  return known != known_.end() && known->second.uid == seen.meta.uid &&
         same_status(known->second.status, seen.status);
}

void Reconciler::service_seen(const ServiceFact& service) {
  services_.seen(deployment_key(service.meta.ns, service.deployment), service.meta.name);
}

void Reconciler::revision_seen(const RevisionFact& revision) {
  revisions_.seen(deployment_key(revision.meta.ns, revision.deployment), revision.meta.name);
}

void Reconciler::event(const Pass& pass, std::string type, std::string reason, std::string message) {
  const auto& meta = pass.deployment().meta;
  events_.record({"stowage.dev/v1alpha1", "ModelDeployment", meta.ns, meta.name, meta.uid}, std::move(type),
                 std::move(reason), std::move(message));
}

// One event a replica and cause, not one a pod.
void Reconciler::tell(const Pass& pass) {
  int32_t last = -1;
  for (const auto& gone : pass.plan.deletes) {
    if (gone.why == GroupEnd::kRelabelled) {
      event(pass, "Warning", "PodRelabelled",
            fmt::format("pod {} is deleted: its labels do not say any more which member it is", gone.name));
      continue;
    }
    if (gone.replica == last) continue;
    last = gone.replica;
    const auto say = [&](const char* type, const char* reason, const char* text) {
      event(pass, type, reason, fmt::format("replica {} {}", gone.replica, text));
    };
    switch (gone.why) {
      case GroupEnd::kOwnFailure:
        say("Warning", "ReplicaFailed", "failed and is started again");
        break;
      case GroupEnd::kDisrupted:
        say("Warning", "ReplicaDisrupted", "was evicted or preempted and is replaced");
        break;
      case GroupEnd::kRejected:
        say("Warning", "ReplicaRejected", "was refused by its kubelet and is replaced");
        break;
      case GroupEnd::kNodeGone:
        say("Warning", "NodeGone", "lost a node and is replaced whole");
        break;
      case GroupEnd::kMemberGone:
        say("Normal", "PodGone", "lost a pod and is replaced whole");
        break;
      case GroupEnd::kNameTaken:
        say("Warning", "PodNameTaken",
            "cannot have the name of a pod, which is somebody else's: starts anew");
        break;
      case GroupEnd::kHalfBound:
        say("Warning", "GangIncomplete", "could not be placed whole and is placed anew");
        break;
      case GroupEnd::kOutdated:
        say("Normal", "ReplicaUpdated", "is replaced by the new revision");
        break;
      case GroupEnd::kObsolete:
        say("Normal", "ReplicaRemoved", "is removed");
        break;
      case GroupEnd::kRelabelled:
      case GroupEnd::kNone:
        break;
    }
  }
  tell_creates(pass);
}

// One event for all: an event a replica would be a third of all writes of a large deployment.
void Reconciler::tell_creates(const Pass& pass) {
  std::vector<int32_t> replicas;
  for (const auto& made : pass.plan.creates) {
    if (replicas.empty() || replicas.back() != made.replica) replicas.push_back(made.replica);
  }
  if (replicas.empty()) return;
  const auto& first = pass.plan.creates.front();
  if (replicas.size() == 1) {
    const std::string group = group_name(pass.deployment().meta.name, first.replica, first.attempt);
    return event(
        pass, "Normal", "ReplicaCreated",
        fmt::format("replica {} starts as {} with {} pod(s)", first.replica, group, first.group_size));
  }
  event(pass, "Normal", "ReplicaCreated",
        fmt::format("replicas {} start with {} pod(s) each", fmt::join(replicas, ", "), first.group_size));
}

}  // namespace stowage::model_deployment
