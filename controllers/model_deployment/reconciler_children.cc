#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "base/log.h"
#include "controllers/model_deployment/names.h"
#include "controllers/model_deployment/pass.h"
#include "controllers/model_deployment/reconciler.h"
#include "kube/runtime/all_of.h"

namespace stowage::model_deployment {
namespace {

constexpr size_t kRevisionsKept = 10;
/// Pods that are being created at once, for all deployments together.
constexpr size_t kCreatesInFlight = 16;

/// Counts creates for as long as it lives.
class InFlight {
 public:
  InFlight(size_t& total, size_t count) : total_(total), count_(count) { total_ += count_; }
  ~InFlight() { total_ -= count_; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  size_t& total_;
  size_t count_;
};

bool owned_by(const api::ObjectMeta& child, const api::ModelDeployment& deployment) {
  const auto* owner = child.controller();
  return owner != nullptr && owner->uid == deployment.meta.uid;
}

int64_t last_number(const Observed& observed) {
  return observed.revisions.empty() ? 0 : observed.revisions.back()->number;
}

// The API server's no to a pod. Invalid means that only another spec helps; forbidden (quota, pod security,
// priority class) may change without one.
Issue refusal(const Error& error) {
  if (error.code == Code::kInvalidArgument) {
    return {"PodRejected", "the API server refuses the pods: change the spec: " + error.message, true};
  }
  return {"PodForbidden", "the API server does not permit the pods now: " + error.message, false};
}

}  // namespace

// Rendering is most of what a look at a deployment at rest costs: the same question is answered once.
void Reconciler::note_drift(Pass& pass, const RevisionFact& known) {
  const Observed& observed = pass.observed;
  if (observed.runtime == nullptr) {
    pass.runtime_drift = "the ModelRuntime that the pods were made of is gone; they keep what it said.";
    return;
  }
  if (!observed.shape) return;
  const auto& meta = pass.deployment().meta;
  Drift& drift = drift_[pass.key];
  std::string of = fmt::format("{} {} {} {} {}", meta.uid, meta.generation, observed.runtime->meta.uid,
                               observed.runtime->meta.resource_version, known.meta.uid);
  if (drift.of != of) {
    const auto rendered = render_revision(pass.deployment(), *observed.runtime, *observed.shape);
    drift = {.of = std::move(of), .drifted = rendered && !same_pods(*rendered, known.data)};
  }
  if (!drift.drifted) return;
  pass.runtime_drift = fmt::format(
      "ModelRuntime \"{}\" or the operator changed since the pods' revision was made; "
      "the next change of the spec takes it over.",
      observed.runtime->meta.name);
}

kube::Async<void> Reconciler::ensure_revision(Pass& pass) {
  const Observed& observed = pass.observed;
  const auto& deployment = pass.deployment();
  const RevisionFact* known = observed.revision_of_key(deployment.spec.revision_key);
  if (known == nullptr) {
    if (observed.shape && observed.runtime && !pass.issue) {
      auto rendered = render_revision(deployment, *observed.runtime, *observed.shape);
      if (rendered) co_return co_await create_revision(pass, std::move(*rendered));
      const bool source = rendered.error().code == Code::kUnsupported;
      const bool overlay = rendered.error().message.starts_with("podTemplate");
      pass.issue = Issue{source    ? "UnsupportedModelSource"
                         : overlay ? "PodTemplateRejected"
                                   : "InvalidRuntime",
                         rendered.error().message};
    }
    // What ran before goes on: it is repaired and scaled, but nothing new is rolled out.
    if (const auto* last = observed.revision(pass.before.update_revision)) pass.revision = last->meta.name;
    co_return Result<void>{};
  }
  pass.revision = known->meta.name;
  note_drift(pass, *known);
  if (known->number == last_number(observed)) co_return Result<void>{};
  // A rollback: the old revision becomes the newest.
  const std::string patch = fmt::format(R"({{"metadata":{{"uid":{}}},"revision":{}}})",
                                        json_quote(known->meta.uid), last_number(observed) + 1);
  CO_TRY_VOID(co_await client_.merge_patch(kinds::kRevision, deployment.meta.ns, known->meta.name, patch,
                                           {.field_manager = std::string(kFieldManager)}));
  event(pass, "Normal", "RolledBack", fmt::format("back to revision {}", known->meta.name));
  co_return Result<void>{};
}

// The name follows from the spec. Another key under it is a collision of hashes; another owner is an earlier
// namesake whose children are not collected yet, and that may take a while: the next name serves as well.
kube::Async<void> Reconciler::create_revision(Pass& pass, std::string data) {
  constexpr int kNames = 20;
  const auto& deployment = pass.deployment();
  for (int salt = 0; salt < kNames; ++salt) {
    const std::string name = revision_name(deployment.meta.name, deployment.spec.revision_key, salt);
    if (std::ranges::any_of(pass.observed.revisions, [&](const auto& r) { return r->meta.name == name; }))
      continue;
    CO_TRY(const bool ours, co_await create_revision_as(pass, name, data));
    if (ours) co_return Result<void>{};
  }
  co_return fail(Code::kConflict, "all names of the next ControllerRevision belong to other objects");
}

// False: the name is somebody else's.
kube::Async<bool> Reconciler::create_revision_as(Pass& pass, std::string name, const std::string& data) {
  const auto& deployment = pass.deployment();
  const std::string body = revision_object(deployment, name, last_number(pass.observed) + 1, data);
  auto created =
      co_await client_.create(kinds::kRevision, deployment.meta.ns, body, std::string(kFieldManager));
  if (!created) {
    if (created.error().code != Code::kAlreadyExists) co_return std::unexpected(std::move(created).error());
    created = co_await client_.get(kinds::kRevision, deployment.meta.ns, name);
    if (!created) co_return std::unexpected(std::move(created).error());
  }
  CO_TRY(auto fact, decode_revision_fact(*created));
  if (!owned_by(fact.meta, deployment)) co_return false;
  pass.revision = std::move(name);
  pass.observed.revisions.push_back(std::make_shared<const RevisionFact>(fact));
  revisions_.add(pass.key, std::move(fact), env_.clock.now());
  co_return true;
}

kube::Async<void> Reconciler::prune_revisions(Pass& pass) {
  size_t surplus = pass.observed.revisions.size();
  for (const auto& revision : pass.observed.revisions) {
    if (surplus <= kRevisionsKept) break;
    const std::string& name = revision->meta.name;
    const bool used =
        name == pass.revision || name == pass.before.current_revision ||
        std::ranges::any_of(pass.observed.pods, [&](const auto& p) { return p->revision == name; });
    if (used) continue;
    auto removed = co_await client_.remove(kinds::kRevision, pass.deployment().meta.ns, name,
                                           {.uid = revision->meta.uid});
    if (!removed && removed.error().code != Code::kNotFound) co_return removed;
    --surplus;
  }
  co_return Result<void>{};
}

kube::Async<void> Reconciler::ensure_services(Pass& pass) {
  const RevisionFact* revision = pass.observed.revision(pass.revision);
  if (revision == nullptr) co_return Result<void>{};
  CO_TRY_VOID(co_await ensure_service(pass, serving_service(pass.deployment(), revision->port)));
  const bool wide = revision->nodes > 1 || std::ranges::any_of(pass.observed.pods, [](const auto& pod) {
                      return pod->group_size > 1;
                    });
  if (wide)
    CO_TRY_VOID(co_await ensure_service(pass, members_service_object(pass.deployment(), revision->port)));
  co_return Result<void>{};
}

kube::Async<void> Reconciler::ensure_service(Pass& pass, DesiredService desired) {
  const auto& deployment = pass.deployment();
  const std::string& name = desired.fact.meta.name;
  const auto actual = std::ranges::find_if(pass.observed.services,
                                           [&](const auto& service) { return service->meta.name == name; });
  if (actual != pass.observed.services.end()) {
    if (service_matches(**actual, desired.fact) || (*actual)->meta.deleted) co_return Result<void>{};
    CO_TRY_VOID(co_await client_.merge_patch(kinds::kService, deployment.meta.ns, name,
                                             service_patch(**actual, desired),
                                             {.field_manager = std::string(kFieldManager)}));
    co_return Result<void>{};
  }
  auto created =
      co_await client_.create(kinds::kService, deployment.meta.ns, desired.body, std::string(kFieldManager));
  if (!created) {
    if (created.error().code != Code::kAlreadyExists) co_return std::unexpected(std::move(created).error());
    created = co_await client_.get(kinds::kService, deployment.meta.ns, name);
    if (!created) co_return std::unexpected(std::move(created).error());
  }
  CO_TRY(auto fact, decode_service_fact(*created));
  if (owned_by(fact.meta, deployment)) {
    services_.add(pass.key, std::move(fact), env_.clock.now());
    co_return Result<void>{};
  }
  pass.name_taken = true;
  if (!pass.issue) {
    pass.issue = Issue{
        "ServiceNameTaken",
        fmt::format("Service \"{}\" exists and is not owned by this ModelDeployment: rename one of them",
                    name)};
  }
  co_return Result<void>{};
}

kube::Async<void> Reconciler::delete_pods(Pass& pass) {
  const std::string& ns = pass.deployment().meta.ns;
  for (const auto& pod : pass.plan.deletes) {
    // Somebody else was faster: that was seen already, and a delete of what is going tells nothing new.
    const auto now = stores_.pods.get(ns + "/" + pod.name);
    if (now == nullptr || now->meta.uid != pod.uid || now->meta.deleted) continue;
    expectations_.expect_delete(pass.key, pod.uid, env_.clock.now());
    auto removed = co_await client_.remove(kinds::kPod, ns, pod.name, {.uid = pod.uid});
    if (removed) continue;
    expectations_.seen_delete(pass.key, pod.uid);
    // Gone, or another pod under the name by now: either way this one is gone.
    if (removed.error().code == Code::kNotFound || removed.error().code == Code::kConflict) continue;
    co_return removed;
  }
  co_return Result<void>{};
}

// One, then twice as many each time all were accepted, as the ReplicaSet controller does: a template that is
// refused costs one request, and a hundred pods take seven rounds.
kube::Async<void> Reconciler::create_pods(Pass& pass) {
  std::vector<std::pair<PodCreate, const RevisionFact*>> wanted;
  for (const auto& create : pass.plan.creates) {
    if (const RevisionFact* revision = pass.observed.revision(create.revision))
      wanted.emplace_back(create, revision);
  }
  size_t at = 0;
  for (size_t round = 1; at < wanted.size(); round *= 2) {
    const size_t room = kCreatesInFlight - std::min(creating_, kCreatesInFlight - 1);
    const size_t count = std::min({round, room, wanted.size() - at});
    std::vector<kube::Async<void>> tasks;
    for (const auto& [create, revision] : std::span(wanted).subspan(at, count))
      tasks.push_back(create_pod(pass, create, revision->data));
    const InFlight counted(creating_, count);
    const auto results = co_await kube::all_of(std::move(tasks));
    for (const auto& created : results) {
      if (!created) co_return co_await create_failed(pass, created.error());
    }
    at += count;
  }
  // Accepted, or nothing left to ask for: an old refusal is history.
  const auto history = refused_.find(pass.key);
  if (history == refused_.end()) co_return Result<void>{};
  if (pass.issue && pass.issue->message == history->second.message) pass.issue.reset();
  refused_.erase(history);
  co_return co_await write_status(pass);
}

kube::Async<void> Reconciler::create_failed(Pass& pass, Error error) {
  const bool refused = error.code == Code::kInvalidArgument || error.code == Code::kForbidden;
  if (!refused) co_return std::unexpected(std::move(error));
  const Issue issue = refusal(error);
  const auto known = refused_.find(pass.key);
  const bool told = known != refused_.end() && known->second.message == issue.message;
  refused_[pass.key] = issue;
  if (!told) event(pass, "Warning", issue.reason, issue.message);
  if (pass.issue && pass.issue->message == issue.message) co_return Result<void>{};
  pass.issue = issue;
  co_return co_await write_status(pass);
}

kube::Async<void> Reconciler::create_pod(Pass& pass, PodCreate create, std::string data) {
  const auto& deployment = pass.deployment();
  const std::string name = pod_name(deployment.meta.name, create.replica, create.attempt, create.rank);
  CO_TRY(const std::string body, pod_object(deployment, create, data));
  expectations_.expect_create(pass.key, name, env_.clock.now());
  auto created = co_await client_.create(kinds::kPod, deployment.meta.ns, body, std::string(kFieldManager));
  if (created) {
    if (auto made = decode_pod_fact(*created))
      expectations_.created(pass.key, name, std::move(made->meta.resource_version));
    co_return Result<void>{};
  }
  expectations_.seen_create(pass.key, name);
  if (created.error().code != Code::kAlreadyExists) co_return std::unexpected(std::move(created).error());
  // A POST whose answer was lost, or somebody else's pod: the owner tells.
  CO_TRY(const std::string text, co_await client_.get(kinds::kPod, deployment.meta.ns, name));
  CO_TRY(const auto fact, decode_pod_fact(text));
  if (owned_by(fact.meta, deployment) && !fact.meta.deleted) co_return Result<void>{};
  // The next attempt has other names.
  attempts_of(pass).taken.insert({create.replica, create.attempt});
  co_return fail(Code::kConflict, fmt::format("pod {} exists and is not ours or is being deleted", name));
}

}  // namespace stowage::model_deployment
