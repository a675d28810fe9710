#include "gpu-scheduler/pod_condition.h"

#include <fmt/core.h>

#include "base/log.h"

namespace stowage::scheduler {
namespace {

constexpr Millis kDetailEvery{30'000};

}  // namespace

ConditionStep PodConditions::next(const api::Pod& pod, const Pending& pending, MonoTime now, WallTime wall) {
  ConditionStep out;
  const api::Condition* live = pod.condition("PodScheduled");
  const bool said = live != nullptr && live->status == "False" && live->reason == "Unschedulable";
  const auto it = written_.find(pod.meta.uid);
  if (it == written_.end()) {
    // A predecessor may have said the same.
    if (said && live->message == pending.message) {
      written_[pod.meta.uid] = {
          .reason = pending.reason, .message = pending.message, .at = now - kDetailEvery};
      return out;
    }
  } else {
    if (it->second.message == pending.message) return out;
    const auto age = std::chrono::duration_cast<Millis>(now - it->second.at);
    if (it->second.reason == pending.reason && age < kDetailEvery) {
      out.look_again = kDetailEvery - age;
      return out;
    }
  }
  out.event = it == written_.end() || it->second.reason != pending.reason;
  const WallTime since = said ? live->last_transition : wall;
  out.patch = fmt::format(
      R"({{"metadata":{{"uid":{}}},"status":{{"conditions":[{{"type":"PodScheduled","status":"False",)"
      R"("reason":"Unschedulable","message":{},"lastTransitionTime":"{}"}}]}}}})",
      json_quote(pod.meta.uid), json_quote(pending.message), format_rfc3339(since));
  written_[pod.meta.uid] = {.reason = pending.reason, .message = pending.message, .at = now};
  return out;
}

}  // namespace stowage::scheduler
