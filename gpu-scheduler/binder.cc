#include "gpu-scheduler/binder.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/backoff.h"
#include "base/log.h"
#include "gpu-scheduler/kinds.h"

namespace stowage::scheduler {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kSelectedNode = "volume.kubernetes.io/selected-node";
constexpr Millis kClaimPoll{200};

/// Sends that may have been applied are repeated this often before the last live read decides.
constexpr int kSends = 6;

/// The server did nothing for sure, and will not.
bool is_refusal(const Error& error) {
  return error.code == Code::kInvalidArgument || error.code == Code::kForbidden ||
         error.code == Code::kUnauthorized || error.code == Code::kUnsupported;
}

}  // namespace

bool Binder::same_node(const PlannedBind& plan) const {
  return cache_.node_uid(plan.node) == plan.node_uid;
}

asio::awaitable<Binder::Live> Binder::look(const PlannedBind& plan) {
  Backoff backoff(Millis{100}, Millis{2000});
  for (;;) {
    auto body = co_await client_.get(kinds::kPods, plan.pod->meta.ns, plan.pod->meta.name);
    if (!body && body.error().code == Code::kNotFound) co_return Live{.end = BindEnd::kGone};
    if (!body && body.error().code == Code::kCancelled) co_return Live{};
    if (body) {
      const auto pod = api::decode_pod(*body);
      if (pod && pod->meta.uid != plan.pod->meta.uid) co_return Live{.end = BindEnd::kGone};
      if (pod && pod->spec.node_name == plan.node) co_return Live{.end = BindEnd::kBound};
      if (pod && !pod->spec.node_name.empty())
        co_return Live{
            .end = BindEnd::kRefused,
            .message = fmt::format("the pod was bound to node {} by somebody else", pod->spec.node_name)};
      if (pod)
        co_return Live{.end = BindEnd::kRefused, .unbound = true, .message = "the pod is still not bound"};
    }
    co_await env_.sleep_for(backoff.next(env_.random));
  }
}

asio::awaitable<BindOutcome> Binder::bind(const PlannedBind& plan) {
  Backoff backoff(Millis{50}, Millis{1000});
  Live live{.end = BindEnd::kRefused};
  for (int sent = 0; sent < kSends; ++sent) {
    if (!same_node(plan)) {
      // An earlier send may have reached the pod all the same; the last look said that it did not.
      co_return BindOutcome{BindEnd::kRefused, fmt::format("node {} was removed or replaced", plan.node)};
    }
    const bool waited = sent > 0 || !plan.claims.empty();
    if (waited && !cache_.still_fits(plan.pod->meta.uid)) {
      co_return BindOutcome{BindEnd::kRefused,
                            fmt::format("others took the room on node {} meanwhile", plan.node)};
    }
    const auto answer = co_await client_.bind({.ns = plan.pod->meta.ns,
                                               .pod = plan.pod->meta.name,
                                               .pod_uid = plan.pod->meta.uid,
                                               .node = plan.node});
    if (answer) co_return BindOutcome{BindEnd::kBound, {}};
    const Error& error = answer.error();
    if (error.code == Code::kCancelled) co_return BindOutcome{};
    if (error.code == Code::kNotFound) co_return BindOutcome{BindEnd::kGone, {}};
    if (is_refusal(error)) co_return BindOutcome{BindEnd::kRefused, error.message};
    live = co_await look(plan);
    // A conflict is an answer: what the live pod says now stays.
    if (!live.unbound) co_return BindOutcome{live.end, live.message};
    if (error.code == Code::kConflict) co_return BindOutcome{BindEnd::kRefused, error.message};
    co_await env_.sleep_for(std::max(error.retry_after.value_or(Millis{0}), backoff.next(env_.random)));
  }
  live = co_await look(plan);
  co_return BindOutcome{live.end, live.message};
}

asio::awaitable<BindOutcome> Binder::tell_claims(const PlannedBind& plan) {
  for (const std::string& key : plan.claims) {
    const auto claim = cache_.storage().claim(key);
    if (!claim)
      co_return BindOutcome{BindEnd::kRefused, fmt::format("persistentvolumeclaim \"{}\" not found", key)};
    if (!claim->volume_name.empty() || claim->meta.annotation(kSelectedNode) == plan.node) continue;
    const std::string body =
        fmt::format(R"({{"metadata":{{"uid":{},"annotations":{{{}:{}}}}}}})", json_quote(claim->meta.uid),
                    json_quote(kSelectedNode), json_quote(plan.node));
    const auto patched = co_await client_.merge_patch(kinds::kClaims, claim->meta.ns, claim->meta.name, body,
                                                      {.field_manager = "stowage-scheduler"});
    if (!patched && patched.error().code == Code::kCancelled) co_return BindOutcome{};
    if (!patched) co_return BindOutcome{BindEnd::kRefused, patched.error().message};
  }
  co_return BindOutcome{BindEnd::kBound, {}};
}

/// kBound: all claims of the plan are; kUnknown: not yet.
BindOutcome Binder::look_at_claims(const PlannedBind& plan, std::set<std::string>& told) const {
  if (!same_node(plan)) return {BindEnd::kRefused, fmt::format("node {} was removed", plan.node)};
  if (cache_.find(plan.pod->meta.uid) == nullptr) return {BindEnd::kGone, {}};
  BindOutcome out{.end = BindEnd::kBound};
  for (const std::string& key : plan.claims) {
    const auto claim = cache_.storage().claim(key);
    if (!claim) return {BindEnd::kRefused, fmt::format("persistentvolumeclaim \"{}\" not found", key)};
    if (!claim->volume_name.empty() && claim->phase == "Bound") continue;
    out.end = BindEnd::kUnknown;
    // A provisioner that cannot serve this node takes the annotation away: schedule anew.
    if (claim->meta.annotation(kSelectedNode) == plan.node) {
      told.insert(key);
    } else if (told.contains(key)) {
      return {BindEnd::kRefused, fmt::format("claim {} cannot be provisioned for node {}", key, plan.node)};
    }
  }
  return out;
}

asio::awaitable<BindOutcome> Binder::prepare_claims(const std::vector<PlannedBind>& plans, Millis limit) {
  const MonoTime deadline = env_.clock.now() + limit;
  for (const PlannedBind& plan : plans) {
    BindOutcome outcome = co_await tell_claims(plan);
    if (outcome.end != BindEnd::kBound) co_return outcome;
  }
  std::set<std::string> told;
  for (;;) {
    bool all_bound = true;
    for (const PlannedBind& plan : plans) {
      BindOutcome outcome = look_at_claims(plan, told);
      if (outcome.end == BindEnd::kRefused || outcome.end == BindEnd::kGone) co_return outcome;
      all_bound = all_bound && outcome.end == BindEnd::kBound;
    }
    if (all_bound) co_return BindOutcome{BindEnd::kBound, {}};
    if (env_.clock.now() >= deadline)
      co_return BindOutcome{
          BindEnd::kRefused,
          fmt::format("PersistentVolumeClaims are not bound after {} s (gang.timeout of the "
                      "SchedulingPolicy)",
                      std::chrono::duration_cast<std::chrono::seconds>(limit).count())};
    co_await env_.sleep_for(kClaimPoll);
  }
}

}  // namespace stowage::scheduler
