#include "test/sim/faults.h"

#include <fmt/format.h>

#include <functional>

namespace stowage::sim {

using sandbox::CallFate;
using sandbox::StreamFate;

namespace {

Millis up_to(Random& random, int64_t least, int64_t most) {
  return Millis{least + static_cast<int64_t>(random.below(static_cast<uint64_t>(most - least)))};
}

/// FNV-1a: the same on every machine, unlike std::hash.
uint64_t hash(const std::string& text) {
  uint64_t out = 14695981039346656037ULL;
  for (const char c : text)
    out = (out ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return out;
}

}  // namespace

FaultPlan::Dice& FaultPlan::dice(const std::string& who) {
  const auto known = dice_.find(who);
  if (known != dice_.end()) return known->second;
  return dice_.emplace(who, Dice{.random = Random(seed_ ^ hash(who))}).first->second;
}

bool FaultPlan::happens(const std::string& id, const std::string& what, MonoTime now) {
  if (ended_) return false;
  faults_.push_back({.id = id, .what = what, .at = now});
  return !only_ || only_->contains(id);
}

bool FaultPlan::draw(Dice& dice, int rate, const std::string& who, const char* kind,
                     const std::string& target, MonoTime now) {
  if (dice.random.below(10'000) >= static_cast<uint64_t>(rate)) return false;
  return happens(fmt::format("{}/{}/{}", who, dice.turn, kind), fmt::format("{}: {} {}", who, kind, target),
                 now);
}

void FaultPlan::draw_write(Dice& dice, const std::string& who, const std::string& target, MonoTime now,
                           ProcessFate& process) {
  static constexpr const char* kMoments[] = {"killed before the write", "killed after it was applied",
                                             "killed after the reply"};
  const auto moment = dice.random.below(3);
  if (draw(dice, rates_.kill_at_write, who, kMoments[moment], target, now))
    process.killed = static_cast<ProcessFate::Moment>(moment + 1);
  if (draw(dice, rates_.replayed_late, who, "replayed late", target, now))
    process.replay_after = up_to(dice.random, 100, 20'000);
  process.interposed = draw(dice, rates_.interposed, who, "interposed", target, now);
}

bool FaultPlan::draw_answer(Dice& dice, const std::string& who, const std::string& target, MonoTime now,
                            CallFate& fate) {
  const bool patient = dice.random.below(2) == 0;
  const bool unavailable = dice.random.below(2) == 0;
  fate.retry_after = patient ? "1" : "";
  if (draw(dice, rates_.server_error, who, "5xx", target, now)) {
    fate.status = unavailable ? 503 : 500;
    fate.body = "the simulated server is unwell";
  } else if (draw(dice, rates_.too_many_requests, who, "429", target, now)) {
    fate.status = 429;
    fate.retry_after = "1";
  } else if (draw(dice, rates_.unauthorized, who, "401", target, now)) {
    fate.status = 401;
    fate.body =
        R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401})";
  } else if (draw(dice, rates_.garbage, who, "garbage", target, now)) {
    fate.status = 200;
    fate.body = "<html><body>It works!</body></html>";
  } else {
    return false;
  }
  fate.kind = CallFate::Kind::kAnswered;
  return true;
}

/// What hits few requests, and those more often. Dice of their own: the chances of all else stay.
void FaultPlan::draw_more(const std::string& who, const kube::HttpRequest& request, MonoTime now,
                          CallFate& fate, ProcessFate& process) {
  const std::string& target = request.target;
  const bool bind = target.ends_with("/binding");
  const bool create = request.method == kube::Method::kPost && target.find("/pods?") != std::string::npos;
  const bool page = target.find("continue=") != std::string::npos;
  if (!bind && !create && !page) return;
  const std::string name = who + " more";
  Dice& own = dice(name);
  ++own.turn;
  if (page) {
    if (!draw(own, rates_.expired_page, name, "410", target, now)) return;
    fate.kind = CallFate::Kind::kAnswered;
    fate.status = 410;
    fate.body = R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410})";
    return;
  }
  const bool before = own.random.below(2) == 0;
  if (!draw(own, rates_.lost_create_or_bind, name, before ? "dies before" : "dies after", target, now))
    return;
  fate.kind = before ? CallFate::Kind::kLostBefore : CallFate::Kind::kLostReply;
  process.deaf = up_to(own.random, 500, 8000);
}

/// A status of a model arrives once more, long after. Dice of their own, as above.
void FaultPlan::draw_status(const std::string& who, const kube::HttpRequest& request, MonoTime now,
                            ProcessFate& process) {
  const std::string& target = request.target;
  if (request.method != kube::Method::kPatch || target.find("/modeldeployments/") == std::string::npos ||
      target.find("/status?") == std::string::npos)
    return;
  const std::string name = who + " status";
  Dice& own = dice(name);
  ++own.turn;
  if (draw(own, rates_.replayed_status, name, "replayed late", target, now))
    process.replay_after = up_to(own.random, 100, 20'000);
}

CallFate FaultPlan::call(const std::string& who, const kube::HttpRequest& request, MonoTime now,
                         ProcessFate& process) {
  Dice& own = dice(who);
  ++own.turn;
  CallFate fate{.to_server = Millis{1 + static_cast<int64_t>(own.random.below(4))},
                .to_client = Millis{1 + static_cast<int64_t>(own.random.below(4))}};
  if (ended_) return fate;
  const std::string& target = request.target;
  const bool write = request.method != kube::Method::kGet;
  if (draw(own, rates_.slow, who, "slow", target, now)) {
    fate.to_server += up_to(own.random, 0, 3000);
    fate.to_client += up_to(own.random, 0, 3000);
  }
  if (draw(own, rates_.lost_before, who, "lost before", target, now)) {
    fate.kind = CallFate::Kind::kLostBefore;
  } else if (draw(own, rates_.lost_reply, who, "lost reply", target, now)) {
    fate.kind = CallFate::Kind::kLostReply;
  } else if (write && draw(own, rates_.duplicated, who, "duplicated", target, now)) {
    fate.kind = CallFate::Kind::kDuplicated;
  } else if (draw(own, rates_.truncated, who, "truncated", target, now)) {
    fate.kind = CallFate::Kind::kTruncated;
  } else {
    draw_answer(own, who, target, now, fate);
  }
  if (draw(own, rates_.pause, who, "paused", target, now)) process.paused = up_to(own.random, 1000, 25'000);
  if (draw(own, rates_.partition, who, "cut off", target, now))
    process.cut_off = up_to(own.random, 1000, 25'000);
  if (draw(own, rates_.wall_jump, who, "wall clock jumps", target, now))
    process.wall_jump = std::chrono::seconds{static_cast<int64_t>(own.random.below(172'800)) - 86'400};
  if (write) {
    draw_write(own, who, target, now, process);
  } else if (target.find("resourceVersion=0") != std::string::npos) {
    process.stale = draw(own, rates_.stale_list, who, "stale list", target, now);
  }
  draw_more(who, request, now, fate, process);
  draw_status(who, request, now, process);
  return fate;
}

StreamFate FaultPlan::stream(const std::string& who, const std::string& target, MonoTime now) {
  StreamFate fate;
  if (ended_) return fate;
  const std::string name = who + " watch";
  Dice& own = dice(name);
  ++own.turn;
  if (draw(own, rates_.stream_slow, name, "slow", target, now))
    fate.delay = own.random.below(10) == 0 ? up_to(own.random, 2000, 8000) : up_to(own.random, 0, 2000);
  fate.break_now = draw(own, rates_.stream_break, name, "broken", target, now);
  fate.end_now = draw(own, rates_.stream_end, name, "ended", target, now);
  fate.cut_frame = fate.end_now && own.random.below(2) == 0;
  fate.expire = draw(own, rates_.stream_expired, name, "410", target, now);
  fate.drip = draw(own, rates_.stream_drip, name, "drips", target, now);
  return fate;
}

}  // namespace stowage::sim
