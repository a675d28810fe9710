#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace stowage::scheduler {

/// What may happen in a cluster that lets a unit fit which did not.
enum class ClusterEvent : uint32_t {
  kNodeAdded = 1U << 0,
  kNodeChanged = 1U << 1,    ///< Labels, taints, amounts, tier or price.
  kCapacityFreed = 1U << 2,  ///< A pod ended, was deleted, or a bind was given up.
  kPodPlaced = 1U << 3,      ///< Helps only who wants to be near other pods.
  kPolicyChanged = 1U << 4,
  kStorageChanged = 1U << 5,
  kNamespaceChanged = 1U << 6,
  kPodGroupChanged = 1U << 7,
};
using EventMask = uint32_t;
constexpr EventMask bit(ClusterEvent event) {
  return static_cast<EventMask>(event);
}

/// Where a unit stands in the order: what is half bound first, then by priority, then the older.
struct QueueRank {
  bool half_bound = false;
  int32_t priority = 0;
  WallTime arrival = {};
};

/// Units of scheduling (a gang, or a pod alone) that are not placed:
///
///   active: will be tried next | backoff: after a failed write | unschedulable: until an event that can help
///
/// Wake-ups are collected for a short time that grows with the number of waiting units (20 ms + 0.2 ms each,
/// at most 1 s): a burst of events costs one round. Pure: time is passed in.
class SchedulingQueue {
 public:
  /// The unit is new, or something about it changed: it is tried at once, unless it is backing off after a
  /// failed write (then only its rank changes).
  void add(const std::string& unit, const QueueRank& rank);
  /// Forgets the unit.
  void remove(const std::string& unit);
  /// The next unit to try, which leaves the queue; nullopt when none is active.
  std::optional<std::string> pop();
  /// It did not fit: waits for one of `helps`.
  void park(const std::string& unit, const QueueRank& rank, EventMask helps);
  /// A write for it failed: tried again after 1 s, 2 s, ... 10 s. `add` and events do not shorten that, and
  /// further failures of the same try do not prolong it.
  void back_off(const std::string& unit, const QueueRank& rank, MonoTime now);
  /// It was placed: its back-off starts over.
  void placed(const std::string& unit) { failures_.erase(unit); }

  /// Notes events; the units they can help become active at the end of the collecting time.
  void notify(EventMask events, MonoTime now);
  /// Moves what is due at `now` to active; returns how many.
  size_t advance(MonoTime now);
  /// When advance() has to be called next; nullopt: only after another call.
  [[nodiscard]] std::optional<MonoTime> next_due() const;

  [[nodiscard]] size_t active() const { return active_.size(); }
  [[nodiscard]] size_t backing_off() const { return backoff_.size(); }
  [[nodiscard]] size_t unschedulable() const { return parked_.size(); }

 private:
  struct Ordered {
    QueueRank rank;
    std::string unit;
    bool operator<(const Ordered& other) const;
  };
  struct Waiting {
    QueueRank rank;
    MonoTime until;
  };
  struct Parked {
    QueueRank rank;
    EventMask helps = 0;
  };
  void activate(const std::string& unit, const QueueRank& rank);

  std::set<Ordered> active_;
  std::unordered_map<std::string, QueueRank> active_rank_;
  std::map<std::string, Waiting, std::less<>> backoff_;
  std::map<std::string, Parked, std::less<>> parked_;
  std::unordered_map<std::string, int> failures_;
  EventMask noted_ = 0;
  MonoTime wake_at_ = {};
};

}  // namespace stowage::scheduler
