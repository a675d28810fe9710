#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "sandbox/inprocess/transport.h"

namespace stowage::sim {

/// One thing that went wrong, numbered in the order of the run: a schedule is its seed and the set of numbers
/// that are switched off, so that a failing run can be cut down to the faults that matter.
struct Fault {
  size_t number;
  std::string what;
  MonoTime at;
};

/// Chance of each kind of fault, in thousandths.
struct FaultRates {
  int lost_before = 10;
  int lost_reply = 10;
  int duplicated = 3;
  int server_error = 10;
  int too_many_requests = 5;
  int truncated = 3;
  int slow = 40;         ///< Up to 3 s each way.
  int stream_break = 5;  ///< Per piece of a watch.
  int stream_end = 5;
  int stream_slow = 30;  ///< Up to 2 s.
  int kill_at_write = 4;
};

/// Draws faults from a seed, writes them down, and skips those that are switched off. After `end()` nothing
/// goes wrong.
class FaultPlan {
 public:
  FaultPlan(uint64_t seed, FaultRates rates, std::set<size_t> off)
      : random_(seed), rates_(rates), off_(std::move(off)) {}

  sandbox::CallFate call(const std::string& who, const kube::HttpRequest& request, MonoTime now);
  sandbox::StreamFate stream(const std::string& who, const std::string& target, MonoTime now);
  /// True if `who` dies at this write; the moment is 0 = before it is sent, 1 = after it was applied, 2 =
  /// after the reply.
  bool kill(const std::string& who, const kube::HttpRequest& request, MonoTime now, int& moment);
  /// Any other happening of the schedule (a node is lost, ...): true unless it is switched off.
  bool happens(std::string what, MonoTime now);
  void end() { ended_ = true; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] const std::vector<Fault>& faults() const { return faults_; }

 private:
  /// Draws with a chance of `rate` in a thousand; a drawn fault is numbered even when it is off.
  bool draw(int rate, const std::string& who, const char* kind, const std::string& target, MonoTime now);

  Random random_;
  FaultRates rates_;
  std::set<size_t> off_;
  std::vector<Fault> faults_;
  bool ended_ = false;
};

}  // namespace stowage::sim
