#include "operator/component.h"

#include <string>
#include <utility>

#include "controllers/model_deployment/facts.h"
#include "controllers/model_deployment/names.h"
#include "controllers/model_deployment/observe.h"
#include "controllers/model_deployment/reconciler.h"
#include "kube/runtime/controller.h"
#include "kube/runtime/informer.h"
#include "operator/catalogue.h"

namespace stowage::operator_process {
namespace {

namespace md = model_deployment;

// Pods change in bursts (bound, started, ready); one look a burst is enough.
constexpr Millis kPodBurst{50};

struct Options {
  int64_t workers = 8;
  bool catalogue = true;
};

kube::InformerOptions all(const kube::Resource& resource) {
  return {.resource = resource};
}

// Children alone: a cluster has many more pods than ours.
kube::InformerOptions children(const kube::Resource& resource) {
  return {.resource = resource, .label_selector = std::string(md::kDeploymentLabel)};
}

template <class T>
void index_by_deployment(kube::Informer<T>& informer) {
  informer.store().add_index(std::string(md::kByDeployment), [](const T& child) {
    return std::vector<std::string>{md::deployment_key(child.meta.ns, child.deployment)};
  });
}

class Operator final : public kube::Component {
 public:
  Operator(kube::ComponentContext context, Options options)
      : env_(context.env),
        client_(context.client),
        options_(options),
        deployments_(env_, client_, all(md::kinds::kModelDeployment), api::decode_model_deployment),
        runtimes_(env_, client_, all(md::kinds::kModelRuntime), api::decode_model_runtime),
        policies_(env_, client_, all(md::kinds::kSchedulingPolicy), api::decode_scheduling_policy),
        pods_(env_, client_, children(md::kinds::kPod), md::decode_pod_fact),
        services_(env_, client_, children(md::kinds::kService), md::decode_service_fact),
        revisions_(env_, client_, children(md::kinds::kRevision), md::decode_revision_fact),
        nodes_(env_, client_, all(md::kinds::kNode), md::decode_node_fact),
        reconciler_(
            env_, client_, context.events,
            {deployments_.store(), runtimes_.store(), policies_.store(), pods_.store(), services_.store(),
             revisions_.store(), nodes_.store(), [this] { return pods_.resource_version(); }}),
        controller_(env_, "modeldeployment",
                    [this](std::string key) { return reconciler_.reconcile(std::move(key)); }) {
    index_by_deployment(pods_);
    index_by_deployment(services_);
    index_by_deployment(revisions_);
    connect();
  }

  void start(kube::TaskScope& caches) override {
    deployments_.start(caches);
    runtimes_.start(caches);
    policies_.start(caches);
    pods_.start(caches);
    services_.start(caches);
    revisions_.start(caches);
    nodes_.start(caches);
  }

  kube::Async<void> lead(kube::TaskScope& scope) override {
    if (options_.catalogue) scope.spawn("catalogue", catalogue_.keep());
    co_await deployments_.wait_synced();
    co_await runtimes_.wait_synced();
    co_await policies_.wait_synced();
    co_await pods_.wait_synced();
    co_await services_.wait_synced();
    co_await revisions_.wait_synced();
    co_await nodes_.wait_synced();
    // The first list may be older than what a predecessor saw: nothing is deleted on its word.
    CO_TRY_VOID(co_await deployments_.barrier());
    CO_TRY_VOID(co_await pods_.barrier());
    CO_TRY_VOID(co_await revisions_.barrier());
    controller_.start(scope, static_cast<int>(options_.workers));
    co_return Result<void>{};
  }

  [[nodiscard]] Result<void> ready() const override {
    std::string missing;
    const auto look = [&missing](const char* name, bool synced) {
      if (!synced) missing += (missing.empty() ? "" : ", ") + std::string(name);
    };
    look("modeldeployments", deployments_.synced());
    look("modelruntimes", runtimes_.synced());
    look("schedulingpolicies", policies_.synced());
    look("pods", pods_.synced());
    look("services", services_.synced());
    look("controllerrevisions", revisions_.synced());
    look("nodes", nodes_.synced());
    if (missing.empty()) return {};
    return fail(Code::kUnavailable, "waiting for " + missing + " to sync");
  }

 private:
  void connect();
  template <class T>
  void watch_child(kube::Informer<T>& informer, void (md::Reconciler::*seen)(const T&));
  void all_again() {
    for (const auto& [key, deployment] : deployments_.store().objects())
      controller_.queue().add(key);
  }

  kube::Environment env_;
  kube::Client& client_;
  Options options_;
  kube::Informer<api::ModelDeployment> deployments_;
  kube::Informer<api::ModelRuntime> runtimes_;
  kube::Informer<api::SchedulingPolicy> policies_;
  kube::Informer<md::PodFact> pods_;
  kube::Informer<md::ServiceFact> services_;
  kube::Informer<md::RevisionFact> revisions_;
  kube::Informer<md::NodeFact> nodes_;
  Catalogue catalogue_{env_, client_};
  md::Reconciler reconciler_;
  kube::Controller controller_;
};

template <class T>
void Operator::watch_child(kube::Informer<T>& informer, void (md::Reconciler::*seen)(const T&)) {
  informer.on_change([this, seen](const kube::Ref<T>& old, const kube::Ref<T>& now) {
    const auto& child = now ? now : old;
    (reconciler_.*seen)(*child);
    controller_.queue().add_after(md::deployment_key(child->meta.ns, child->deployment), kPodBurst);
  });
}

void Operator::connect() {
  deployments_.on_change([this](const auto& old, const auto& now) {
    // A new status is ours or the scheduler's: neither changes what should be done. But what somebody else
    // wrote over ours must not stay.
    const bool same = old && now && old->meta.uid == now->meta.uid &&
                      old->meta.generation == now->meta.generation &&
                      old->meta.deleted == now->meta.deleted &&
                      (md::same_status(old->status, now->status) || reconciler_.knows(*now));
    if (!same) controller_.queue().add((now ? now : old)->meta.key());
  });
  pods_.on_change([this](const auto& old, const auto& now) {
    reconciler_.pod_seen(old, now);
    const auto& pod = now ? now : old;
    controller_.queue().add_after(md::deployment_key(pod->meta.ns, pod->deployment), kPodBurst);
  });
  watch_child(services_, &md::Reconciler::service_seen);
  watch_child(revisions_, &md::Reconciler::revision_seen);
  runtimes_.on_change([this](const auto& old, const auto& now) {
    if (!now) catalogue_.deleted("ModelRuntime", old->meta.name);
    if (!old || !now || old->meta.generation != now->meta.generation ||
        old->meta.annotations != now->meta.annotations) {
      all_again();
    }
  });
  policies_.on_change([this](const auto& old, const auto& now) {
    if (!now) catalogue_.deleted("SchedulingPolicy", old->meta.name);
    if (!old || !now || old->meta.generation != now->meta.generation) all_again();
  });
  nodes_.on_change([this](const auto&, const auto& now) {
    if (now) return;
    // Rare, and without an index by node one look at every pod: only its deployments are woken.
    for (const auto& [key, pod] : pods_.store().objects()) {
      if (!pod->node.empty() && nodes_.store().get(pod->node) == nullptr) {
        controller_.queue().add(md::deployment_key(pod->meta.ns, pod->deployment));
      }
    }
  });
}

}  // namespace

Result<std::unique_ptr<kube::Component>> make_operator(kube::ComponentContext context) {
  Options options;
  context.config.read("workers", options.workers, 1, 64);
  context.config.read("catalogue", options.catalogue);
  return std::make_unique<Operator>(std::move(context), options);
}

}  // namespace stowage::operator_process
