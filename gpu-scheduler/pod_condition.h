#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "api/core/pod.h"
#include "base/clock.h"
#include "gpu-scheduler/cycle.h"

namespace stowage::scheduler {

/// What to do about one pod's PodScheduled condition now.
struct ConditionStep {
  std::string patch;                 ///< Strategic merge patch of the status; empty: nothing to write.
  bool event = false;                ///< The reason changed: tell it in an event too.
  std::optional<Millis> look_again;  ///< The detail changed, but it was written a short while ago.
};

/// Decides about writing PodScheduled=False: when the dominant reason changes at once, else at most every
/// 30 s a pod, and never what is there already. Remembers what was written. Pure: time is passed in.
class PodConditions {
 public:
  ConditionStep next(const api::Pod& pod, const Pending& pending, MonoTime now, WallTime wall);
  /// The patch failed: it has not been written.
  void failed(const std::string& uid) { written_.erase(uid); }
  void forget(const std::string& uid) { written_.erase(uid); }
  [[nodiscard]] size_t size() const { return written_.size(); }

 private:
  struct Written {
    std::string reason;
    std::string message;
    MonoTime at;
  };
  std::unordered_map<std::string, Written> written_;
};

}  // namespace stowage::scheduler
