#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "gpu-scheduler/cluster_cache.h"
#include "gpu-scheduler/engine/decision.h"
#include "gpu-scheduler/policies.h"
#include "gpu-scheduler/queue.h"
#include "gpu-scheduler/unit.h"

namespace stowage::scheduler {

/// One bind to be sent: this pod (by UID) onto this node, if it still has the UID that was planned.
struct PlannedBind {
  PodRef pod;
  std::string unit;
  std::string node;
  std::string node_uid;
  uint64_t devices = 0;
  std::vector<std::string> claims;  ///< To be told the node, and Bound first.
};

/// Why a unit waits, as it is told to people.
struct Pending {
  std::string reason;  ///< One word.
  std::string message;
  engine::Explanation why;
  WallTime since = {};          ///< When it was first found to wait.
  MonoTime explained = {};      ///< When `would fit if` and `preemption` were last worked out.
  std::string preemption = {};  ///< preemption_note(); part of the message.
  bool quiet = false;
};

/// How a unit was placed.
struct Placed {
  std::string domain;
  int64_t score = 0;
};

/// The decisions: takes units from the queue, asks the engine, assumes what it places, and remembers why the
/// others wait. Pure: time is passed in, writes are returned.
class Cycle {
 public:
  Cycle(ClusterCache& cache, SchedulingQueue& queue) : cache_(cache), queue_(queue) {}

  void set_policies(Policies policies) {
    policies_ = std::move(policies);
    refused_.clear();
  }
  [[nodiscard]] const Policies& policies() const { return policies_; }

  /// What one unit's turn gave.
  struct Outcome {
    std::string unit;
    std::vector<PlannedBind> binds;  ///< All of the unit's waiting pods, or none.
    bool tried = false;              ///< The engine was asked.
    Millis gang_timeout{0};          ///< How long the binds may wait for their claims.
  };
  /// Next unit: decided, and assumed or parked. nullopt when no unit is active.
  std::optional<Outcome> run_one(MonoTime now, WallTime wall);

  /// After pod events: what joined, left or changed is queued again or dropped. Returns the units touched.
  std::set<std::string> requeue_touched();

  [[nodiscard]] const Pending* pending(std::string_view unit) const;
  [[nodiscard]] const Placed* placed(std::string_view unit) const;
  [[nodiscard]] const std::map<std::string, Pending, std::less<>>& all_pending() const { return pending_; }
  /// Decisions since the start, by policy: placed and unschedulable.
  struct Counts {
    int64_t placed = 0;
    int64_t unschedulable = 0;
  };
  [[nodiscard]] const std::map<std::string, Counts, std::less<>>& counts() const { return counts_; }

 private:
  /// What the engine said about an equal demand, while nothing has changed since.
  struct Refused {
    uint64_t changes = 0;
    uint64_t layout = 0;
    engine::Explanation why;
    std::string preemption;
  };
  [[nodiscard]] const Refused* refused_before(const std::string& key) const;
  void hold(const std::string& unit, HeldUnit held, WallTime wall);
  Outcome decide(const std::string& unit, ReadyUnit ready, MonoTime now, WallTime wall);
  void refuse(const std::string& unit, const std::string& key, const ReadyUnit& ready,
              engine::Explanation why, const ActivePolicy& policy, MonoTime now, WallTime wall);
  std::vector<PlannedBind> assume(const std::string& unit, const ReadyUnit& ready,
                                  const engine::Decision& decision);
  void wait(const std::string& unit, Pending pending, EventMask helps, WallTime wall);

  ClusterCache& cache_;
  SchedulingQueue& queue_;
  Policies policies_;
  std::map<std::string, Pending, std::less<>> pending_;
  std::map<std::string, Placed, std::less<>> placed_;
  std::map<std::string, Counts, std::less<>> counts_;
  std::map<std::string, Refused, std::less<>> refused_;
};

}  // namespace stowage::scheduler
