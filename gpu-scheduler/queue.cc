#include "gpu-scheduler/queue.h"

#include <algorithm>
#include <chrono>
#include <tuple>

namespace stowage::scheduler {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// One try of a unit that does not fit costs well below 0.1 ms, so a round takes at most half of the time
/// that its events were collected for.
constexpr milliseconds kCollect{20};
constexpr microseconds kCollectPerUnit{200};
constexpr seconds kCollectMost{1};

}  // namespace

bool SchedulingQueue::Ordered::operator<(const Ordered& other) const {
  // half_bound and priority descend, arrival and name ascend.
  return std::tie(other.rank.half_bound, other.rank.priority, rank.arrival, unit) <
         std::tie(rank.half_bound, rank.priority, other.rank.arrival, other.unit);
}

void SchedulingQueue::activate(const std::string& unit, const QueueRank& rank) {
  active_.insert({.rank = rank, .unit = unit});
  active_rank_[unit] = rank;
}

void SchedulingQueue::add(const std::string& unit, const QueueRank& rank) {
  if (const auto waiting = backoff_.find(unit); waiting != backoff_.end()) {
    waiting->second.rank = rank;
    return;
  }
  if (const auto active = active_rank_.find(unit); active != active_rank_.end())
    active_.erase({.rank = active->second, .unit = unit});
  parked_.erase(unit);
  activate(unit, rank);
}

void SchedulingQueue::remove(const std::string& unit) {
  if (const auto active = active_rank_.find(unit); active != active_rank_.end()) {
    active_.erase({.rank = active->second, .unit = unit});
    active_rank_.erase(active);
  }
  backoff_.erase(unit);
  parked_.erase(unit);
  failures_.erase(unit);
}

std::optional<std::string> SchedulingQueue::pop() {
  if (active_.empty()) return std::nullopt;
  std::string unit = active_.begin()->unit;
  active_.erase(active_.begin());
  active_rank_.erase(unit);
  return unit;
}

void SchedulingQueue::park(const std::string& unit, const QueueRank& rank, EventMask helps) {
  parked_[unit] = {.rank = rank, .helps = helps};
}

void SchedulingQueue::back_off(const std::string& unit, const QueueRank& rank, MonoTime now) {
  // The members of a gang fail one by one, and that is one failure.
  if (const auto waiting = backoff_.find(unit); waiting != backoff_.end()) {
    waiting->second.rank = rank;
    return;
  }
  const int failures = failures_[unit]++;
  const seconds wait(std::min(10, 1 << std::min(failures, 4)));
  if (const auto active = active_rank_.find(unit); active != active_rank_.end()) {
    active_.erase({.rank = active->second, .unit = unit});
    active_rank_.erase(active);
  }
  parked_.erase(unit);
  backoff_[unit] = {.rank = rank, .until = now + wait};
}

void SchedulingQueue::notify(EventMask events, MonoTime now) {
  // Whoever is parked later was tried on a state that knows of these events.
  if (parked_.empty()) return;
  if (noted_ == 0) {
    const auto wait = std::min<microseconds>(kCollect + kCollectPerUnit * parked_.size(), kCollectMost);
    wake_at_ = now + wait;
  }
  noted_ |= events;
}

size_t SchedulingQueue::advance(MonoTime now) {
  size_t moved = 0;
  for (auto it = backoff_.begin(); it != backoff_.end();) {
    if (it->second.until > now) {
      ++it;
      continue;
    }
    activate(it->first, it->second.rank);
    it = backoff_.erase(it);
    ++moved;
  }
  if (noted_ == 0 || wake_at_ > now) return moved;
  for (auto it = parked_.begin(); it != parked_.end();) {
    if ((it->second.helps & noted_) == 0) {
      ++it;
      continue;
    }
    activate(it->first, it->second.rank);
    it = parked_.erase(it);
    ++moved;
  }
  noted_ = 0;
  return moved;
}

std::optional<MonoTime> SchedulingQueue::next_due() const {
  std::optional<MonoTime> due;
  if (noted_ != 0 && !parked_.empty()) due = wake_at_;
  for (const auto& [unit, waiting] : backoff_) {
    if (!due || waiting.until < *due) due = waiting.until;
  }
  return due;
}

}  // namespace stowage::scheduler
