#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "sandbox/inprocess/transport.h"

namespace stowage::sim {

/// One thing that went wrong. Its id names who met it and at which of its own turns, so that it means the
/// same after other faults were switched off: a schedule is its seed and the ids that are on.
struct Fault {
  std::string id;    ///< "scheduler-0.1/57/lost reply"
  std::string what;  ///< With the target, for people.
  MonoTime at;
};

/// Chance of each kind of fault, in ten-thousandths.
struct FaultRates {
  int lost_before = 80;
  int lost_reply = 80;
  int duplicated = 30;
  int replayed_late = 30;  ///< The same bytes arrive again, up to 20 s later.
  int server_error = 80;   ///< 500 or 503, with or without Retry-After.
  int too_many_requests = 40;
  int unauthorized = 15;
  int truncated = 30;
  int garbage = 15;       ///< A proxy's page instead of the answer.
  int interposed = 60;    ///< Somebody changes the object while the write is on its way.
  int slow = 300;         ///< Up to 3 s each way.
  int stale_list = 2500;  ///< Per list that permits it (resourceVersion=0).
  int lost_create_or_bind =
      400;                    ///< Of pods, beyond the above: the connection dies, and its watches with it.
  int expired_page = 1500;    ///< 410 on a later page of a list.
  int replayed_status = 400;  ///< As replayed_late: of the statuses of models, beyond those.
  int kill_at_write = 40;
  int pause = 8;          ///< The process stands still for 1 to 25 s.
  int partition = 8;      ///< It is cut off for 1 to 25 s.
  int wall_jump = 15;     ///< Its wall clock jumps by up to a day.
  int stream_break = 40;  ///< Per piece of a watch.
  int stream_end = 40;
  int stream_expired = 30;  ///< 410 as an ERROR event.
  int stream_slow = 250;    ///< Up to 2 s; a tenth of them freezes for up to 8 s.
  int stream_drip = 60;     ///< In two pieces.
};

/// What befalls the process itself at one of its calls.
struct ProcessFate {
  enum class Moment { kNone, kBeforeSend, kAfterApply, kAfterReply };
  Moment killed = Moment::kNone;
  Millis paused{0};
  Millis cut_off{0};
  Millis deaf{0};  ///< Its watches tell nothing for so long.
  std::optional<std::chrono::microseconds> wall_jump = {};
  Millis replay_after{0};  ///< 0 = not replayed.
  bool interposed = false;
  bool stale = false;
};

/// Draws faults from a seed, writes them down, and skips those that are switched off. After `end()` nothing
/// goes wrong. Each process has dice of its own: what happens to one does not move the chances of another.
class FaultPlan {
 public:
  /// `only`: nothing but these ids happens.
  FaultPlan(uint64_t seed, FaultRates rates, std::optional<std::set<std::string>> only)
      : seed_(seed), rates_(rates), only_(std::move(only)) {}

  sandbox::CallFate call(const std::string& who, const kube::HttpRequest& request, MonoTime now,
                         ProcessFate& process);
  sandbox::StreamFate stream(const std::string& who, const std::string& target, MonoTime now);
  /// Any other happening of the schedule (a node is lost, ...): true unless it is switched off.
  bool happens(const std::string& id, const std::string& what, MonoTime now);
  void end() { ended_ = true; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] const std::vector<Fault>& faults() const { return faults_; }

 private:
  struct Dice {
    Random random;
    uint64_t turn = 0;
  };
  Dice& dice(const std::string& who);
  /// A drawn fault is drawn even when it is off: the chances of the others stay.
  bool draw(Dice& dice, int rate, const std::string& who, const char* kind, const std::string& target,
            MonoTime now);
  void draw_write(Dice& dice, const std::string& who, const std::string& target, MonoTime now,
                  ProcessFate& process);
  void draw_more(const std::string& who, const kube::HttpRequest& request, MonoTime now,
                 sandbox::CallFate& fate, ProcessFate& process);
  void draw_status(const std::string& who, const kube::HttpRequest& request, MonoTime now,
                   ProcessFate& process);
  bool draw_answer(Dice& dice, const std::string& who, const std::string& target, MonoTime now,
                   sandbox::CallFate& fate);

  uint64_t seed_;
  FaultRates rates_;
  std::optional<std::set<std::string>> only_;
  std::map<std::string, Dice> dice_;
  std::vector<Fault> faults_;
  bool ended_ = false;
};

}  // namespace stowage::sim
