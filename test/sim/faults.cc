#include "test/sim/faults.h"

#include <fmt/format.h>

namespace stowage::sim {

using sandbox::CallFate;
using sandbox::StreamFate;

bool FaultPlan::happens(std::string what, MonoTime now) {
  if (ended_) return false;
  const size_t number = faults_.size();
  faults_.push_back({.number = number, .what = std::move(what), .at = now});
  return !off_.contains(number);
}

bool FaultPlan::draw(int rate, const std::string& who, const char* kind, const std::string& target,
                     MonoTime now) {
  // The draw is made in any case: switching one fault off leaves the chances of the others as they were.
  const bool drawn = random_.below(1000) < static_cast<uint64_t>(rate);
  return drawn && happens(fmt::format("{}: {} {}", who, kind, target), now);
}

CallFate FaultPlan::call(const std::string& who, const kube::HttpRequest& request, MonoTime now) {
  CallFate fate{.to_server = Millis{1 + static_cast<int64_t>(random_.below(4))},
                .to_client = Millis{1 + static_cast<int64_t>(random_.below(4))}};
  if (ended_) return fate;
  const std::string& target = request.target;
  if (draw(rates_.slow, who, "slow", target, now)) {
    fate.to_server += Millis{static_cast<int64_t>(random_.below(3000))};
    fate.to_client += Millis{static_cast<int64_t>(random_.below(3000))};
  }
  if (draw(rates_.lost_before, who, "lost before", target, now)) {
    fate.kind = CallFate::Kind::kLostBefore;
  } else if (draw(rates_.lost_reply, who, "lost reply", target, now)) {
    fate.kind = CallFate::Kind::kLostReply;
  } else if (request.method != kube::Method::kGet &&
             draw(rates_.duplicated, who, "duplicated", target, now)) {
    fate.kind = CallFate::Kind::kDuplicated;
  } else if (draw(rates_.truncated, who, "truncated", target, now)) {
    fate.kind = CallFate::Kind::kTruncated;
  } else if (draw(rates_.server_error, who, "500", target, now)) {
    fate.kind = CallFate::Kind::kAnswered;
    fate.status = random_.below(2) == 0 ? 500 : 503;
    fate.body = "the simulated server is unwell";
  } else if (draw(rates_.too_many_requests, who, "429", target, now)) {
    fate.kind = CallFate::Kind::kAnswered;
    fate.status = 429;
    fate.retry_after = "1";
  }
  return fate;
}

StreamFate FaultPlan::stream(const std::string& who, const std::string& target, MonoTime now) {
  StreamFate fate;
  if (ended_) return fate;
  if (draw(rates_.stream_slow, who, "slow watch", target, now))
    fate.delay = Millis{static_cast<int64_t>(random_.below(2000))};
  fate.break_now = draw(rates_.stream_break, who, "broken watch", target, now);
  fate.end_now = draw(rates_.stream_end, who, "ended watch", target, now);
  fate.cut_frame = fate.end_now && random_.below(2) == 0;
  return fate;
}

bool FaultPlan::kill(const std::string& who, const kube::HttpRequest& request, MonoTime now, int& moment) {
  if (ended_) return false;
  moment = static_cast<int>(random_.below(3));
  static constexpr const char* kMoments[] = {"killed before the write", "killed after it was applied",
                                             "killed after the reply"};
  return draw(rates_.kill_at_write, who, kMoments[moment], request.target, now);
}

}  // namespace stowage::sim
