#include "gpu-scheduler/scheduler.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "gpu-scheduler/kinds.h"
#include "gpu-scheduler/slim_objects.h"

namespace stowage::scheduler {

namespace asio = boost::asio;

namespace {

/// Decisions between two looks at the network.
constexpr int kSlice = 200;
/// Our own kinds may be installed after us; what is served must be read before the first decision.
constexpr Millis kOwnKindsPoll{100};

template <class T>
kube::InformerOptions watch(const T& resource) {
  return {.resource = resource};
}

}  // namespace

Scheduler::Scheduler(kube::ComponentContext context, SchedulerConfig config)
    : env_(context.env),
      client_(context.client),
      events_(context.events),
      config_(std::move(config)),
      pods_(env_, client_, watch(kinds::kPods), &decode_slim_pod),
      nodes_(env_, client_, watch(kinds::kNodes), &decode_slim_node, &forget_content),
      namespaces_(env_, client_, watch(kinds::kNamespaces), &api::decode_namespace),
      claims_(env_, client_, watch(kinds::kClaims), &api::decode_claim),
      volumes_(env_, client_, watch(kinds::kVolumes), &api::decode_volume),
      storage_classes_(env_, client_, watch(kinds::kStorageClasses), &api::decode_storage_class),
      deployments_(env_, client_, watch(kinds::kDeployments), &decode_deployment),
      policies_(env_, client_, watch(kinds::kPolicies), &decode_policy),
      pools_(env_, client_, watch(kinds::kPools), &decode_pool),
      cache_(
          config_.scheduler_name,
          {.claim = [this](std::string_view key) { return claims_.store().get(key); },
           .volume = [this](std::string_view name) { return volumes_.store().get(name); },
           .storage_class = [this](std::string_view name) { return storage_classes_.store().get(name); },
           .volumes_of_class =
               [this](std::string_view name) { return volumes_of_class(volumes_.store().objects(), name); }}),
      cycle_(cache_, queue_),
      binder_(env_, client_, cache_),
      status_(env_, client_, events_, cache_, cycle_, deployments_.store()),
      policy_writer_(env_, client_, cache_, cycle_, policies_.store(), pools_.store(),
                     config_.policy_status_every),
      wake_(env_) {
  kube::Metrics& metrics = context.metrics;
  tried_ = metrics.counter("stowage_scheduler_decisions_total", "Units that the engine was asked about.");
  bound_ = metrics.counter("stowage_scheduler_binds_total", "Binds by result.", {{"result", "bound"}});
  refused_ = metrics.counter("stowage_scheduler_binds_total", "Binds by result.", {{"result", "refused"}});
  const auto waiting = [&metrics](const char* queue) {
    return metrics.gauge("stowage_scheduler_pending_units", "Units that wait, by queue.", {{"queue", queue}});
  };
  active_ = waiting("active");
  backing_off_ = waiting("backoff");
  unschedulable_ = waiting("unschedulable");
  connect();
}

void Scheduler::connect() {
  pods_.on_change([this](const PodRef& old, const PodRef& now) {
    changed(cache_.pod_changed(old, now));
    // A deployment's status tells of pods that went, too.
    if (scope_ != nullptr && !now) status_.owner_changed(*old);
  });
  nodes_.on_change(
      [this](const NodeRef& old, const NodeRef& now) { changed(cache_.node_changed(old, now)); });
  namespaces_.on_change([this](const auto& old, const auto& now) {
    if (old && now && old->meta.labels == now->meta.labels) return;
    changed(cache_.namespace_changed(now ? now->meta : old->meta, !now));
  });
  const auto storage = [this](const auto&, const auto&) { changed(bit(ClusterEvent::kStorageChanged)); };
  claims_.on_change(storage);
  volumes_.on_change(storage);
  storage_classes_.on_change(storage);
  policies_.on_change([this](const auto& old, const auto& now) {
    // Our own status writes change nothing that we read.
    if (!old || !now || old->meta.generation != now->meta.generation) policies_changed();
  });
  pools_.on_change([this](const auto& old, const auto& now) {
    if (!old || !now || old->meta.generation != now->meta.generation) pools_changed();
  });
  deployments_.on_change([this](const auto& old, const auto& now) {
    if (scope_ == nullptr || !now) return;
    const bool changed = !old || old->meta.generation != now->meta.generation;
    if (changed || (old->placement != now->placement && !status_.wrote(*now)))
      status_.deployment_changed(now->meta);
  });
}

void Scheduler::changed(EventMask events) {
  if (events != 0) queue_.notify(events, env_.clock.now());
  wake_.notify_all();
}

void Scheduler::policies_changed() {
  std::vector<Policies::PolicyRef> objects;
  for (const auto& [name, object] : policies_.store().objects())
    objects.push_back(object);
  Policies policies(objects);
  for (const auto& [name, policy] : policies.all()) {
    const ActivePolicy* before = cycle_.policies().find(name);
    if (!policy.problem.empty() && (before == nullptr || before->problem != policy.problem))
      env_.log.warn("policy is not in force", {{"policy", name}, {"error", policy.problem}});
  }
  EventMask events = bit(ClusterEvent::kPolicyChanged);
  if (const auto levels = cache_.set_topology_levels(policies.levels())) events |= *levels;
  cycle_.set_policies(std::move(policies));
  changed(events);
}

void Scheduler::pools_changed() {
  std::vector<CapacityPools::PoolRef> objects;
  for (const auto& [name, object] : pools_.store().objects())
    objects.push_back(object);
  changed(cache_.pools_changed(CapacityPools(std::move(objects))));
}

void Scheduler::start(kube::TaskScope& caches) {
  caches_ = &caches;
  pods_.start(caches);
  nodes_.start(caches);
  namespaces_.start(caches);
  claims_.start(caches);
  volumes_.start(caches);
  storage_classes_.start(caches);
  deployments_.start(caches);
  policies_.start(caches);
  pools_.start(caches);
}

Result<void> Scheduler::ready() const {
  const auto waiting = [](std::string_view what) {
    return fail(Code::kUnavailable, fmt::format("waiting for {} to sync", what));
  };
  if (!pods_.synced()) return waiting("pods");
  if (!nodes_.synced()) return waiting("nodes");
  if (!namespaces_.synced()) return waiting("namespaces");
  if (!claims_.synced() || !volumes_.synced() || !storage_classes_.synced()) return waiting("storage");
  return {};
}

asio::awaitable<void> Scheduler::wait_for_own_kinds() {
  bool told = false;
  while (!deployments_.synced() || !policies_.synced() || !pools_.synced()) {
    const auto served = co_await client_.raw({.target = "/apis/stowage.dev/v1alpha1"});
    if (!served && served.error().code == Code::kNotFound) {
      env_.log.warn("the CRDs of stowage.dev are not installed: pods are scheduled by the built-in policy",
                    {{"next", "kubectl apply -f crds/"}});
      co_return;
    }
    if (!served && !told) {
      env_.log.warn("cannot discover stowage.dev", {{"error", served.error().to_string()}});
      told = true;
    }
    co_await env_.sleep_for(kOwnKindsPoll);
  }
}

asio::awaitable<void> Scheduler::find_pod_groups() {
  const auto served = co_await client_.raw({.target = "/apis/" + kinds::kPodGroups.api_version()});
  if (!served || served->find("\"podgroups\"") == std::string::npos) co_return;
  pod_groups_ = std::make_unique<kube::Informer<PodGroupObject>>(env_, client_, watch(kinds::kPodGroups),
                                                                 &decode_pod_group);
  pod_groups_->on_change([this](const auto&, const auto&) { changed(bit(ClusterEvent::kPodGroupChanged)); });
  pod_groups_->start(*caches_);
  co_await pod_groups_->wait_synced();
  cache_.set_pod_groups([this](std::string_view key) { return pod_groups_->store().get(key); });
}

kube::Async<void> Scheduler::lead(kube::TaskScope& scope) {
  // 1. Everything that a decision reads is in the cache.
  co_await pods_.wait_synced();
  co_await nodes_.wait_synced();
  co_await namespaces_.wait_synced();
  co_await claims_.wait_synced();
  co_await volumes_.wait_synced();
  co_await storage_classes_.wait_synced();
  co_await wait_for_own_kinds();
  co_await find_pod_groups();
  // 2. One consistent read: the first list may be older than what the previous leader did.
  CO_TRY_VOID(co_await pods_.barrier());
  CO_TRY_VOID(co_await nodes_.barrier());
  // 3. Work. Gangs that a predecessor left half bound come first in the queue.
  scope_ = &scope;
  policies_changed();
  for (const auto& [key, deployment] : deployments_.store().objects())
    status_.deployment_changed(deployment->meta);
  status_.start(scope);
  scope.spawn("policy status", policy_writer_.run());
  scope.spawn_worker("scheduling", work(), [this] {
    stopping_ = true;
    wake_.notify_all();
  });
  co_return Result<void>{};
}

asio::awaitable<void> Scheduler::work() {
  while (!stopping_) {
    for (const std::string& unit : cycle_.requeue_touched())
      status_.unit_changed(unit);
    queue_.advance(env_.clock.now());
    if (run_slice()) {
      co_await asio::post(env_.executor, asio::use_awaitable);
      continue;
    }
    measure();
    if (const auto due = queue_.next_due(); due && in_flight_ < config_.binds_in_flight) {
      if (*due > env_.clock.now()) co_await wake_.wait_until(*due);
    } else {
      co_await wake_.wait();
    }
  }
  // What was sent is followed to its end: the next leader should find no riddles.
  while (in_flight_ > 0)
    co_await wake_.wait();
}

bool Scheduler::run_slice() {
  for (int i = 0; i < kSlice; ++i) {
    if (in_flight_ >= config_.binds_in_flight) return false;
    auto outcome = cycle_.run_one(env_.clock.now(), env_.clock.wall());
    if (!outcome) return false;
    if (outcome->tried) tried_.add();
    if (outcome->binds.empty()) {
      status_.unit_changed(outcome->unit);
      continue;
    }
    if (std::ranges::any_of(outcome->binds, [](const PlannedBind& plan) { return !plan.claims.empty(); })) {
      scope_->spawn("volumes", provision(std::move(outcome->binds), outcome->gang_timeout));
    } else {
      send(std::move(outcome->binds));
    }
  }
  return true;
}

// Provisioning takes minutes: it holds no slot.
asio::awaitable<void> Scheduler::provision(std::vector<PlannedBind> plans, Millis limit) {
  const BindOutcome outcome = co_await binder_.prepare_claims(plans, limit);
  if (stopping_) co_return;
  if (outcome.end == BindEnd::kBound) {
    send(std::move(plans));
  } else {
    for (const PlannedBind& plan : plans)
      settle(plan, outcome);
  }
  wake_.notify_all();
}

void Scheduler::send(std::vector<PlannedBind> plans) {
  // A gang takes the slots it needs, all at once: it must not be half bound for want of slots.
  for (PlannedBind& plan : plans) {
    ++in_flight_;
    scope_->spawn("bind", carry_out(std::move(plan)));
  }
}

asio::awaitable<void> Scheduler::carry_out(PlannedBind plan) {
  const BindOutcome outcome = co_await binder_.bind(plan);
  --in_flight_;
  settle(plan, outcome);
  wake_.notify_all();
}

void Scheduler::settle(const PlannedBind& plan, const BindOutcome& outcome) {
  const api::Pod& pod = *plan.pod;
  const kube::EventTarget target{
      .api_version = "v1", .kind = "Pod", .ns = pod.meta.ns, .name = pod.meta.name, .uid = pod.meta.uid};
  switch (outcome.end) {
    case BindEnd::kBound:
      bound_.add();
      queue_.placed(plan.unit);
      events_.record(target, "Normal", "Scheduled",
                     fmt::format("Successfully assigned {}/{} to {}", pod.meta.ns, pod.meta.name, plan.node));
      return;
    case BindEnd::kUnknown:
      return;
    case BindEnd::kGone:
      break;
    case BindEnd::kRefused:
      refused_.add();
      env_.log.warn("bind refused",
                    {{"pod", pod.meta.key()}, {"node", plan.node}, {"error", outcome.message}});
      events_.record(target, "Warning", "FailedScheduling",
                     fmt::format("binding to {} was refused: {}", plan.node, outcome.message));
      break;
  }
  const EventMask freed = cache_.forget(pod.meta.uid);
  if (freed == 0) return;
  queue_.notify(freed, env_.clock.now());
  queue_.back_off(plan.unit, rank_unit(cache_, plan.unit), env_.clock.now());
}

void Scheduler::measure() {
  active_.set(static_cast<double>(queue_.active()));
  backing_off_.set(static_cast<double>(queue_.backing_off()));
  unschedulable_.set(static_cast<double>(queue_.unschedulable()));
}

}  // namespace stowage::scheduler
