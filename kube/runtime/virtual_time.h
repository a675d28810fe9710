#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "kube/runtime/environment.h"

namespace stowage::kube {

/// Time that moves only when it is told to.
class VirtualClock final : public Clock {
 public:
  [[nodiscard]] MonoTime now() const override { return MonoTime{} + elapsed_; }
  /// Starts at 2026-01-01T00:00:00Z.
  [[nodiscard]] WallTime wall() const override { return kStart + elapsed_ + wall_jump_; }
  void advance_to(MonoTime time) {
    if (time > now()) elapsed_ = std::chrono::ceil<std::chrono::microseconds>(time - MonoTime{});
  }
  /// What an administrator or NTP does to the wall clock; monotonic time does not notice.
  void jump_wall(std::chrono::microseconds by) { wall_jump_ += by; }

 private:
  static constexpr WallTime kStart{std::chrono::seconds{1'767'225'600}};
  std::chrono::microseconds elapsed_{3'600'000'000};  ///< Deadlines "a while ago" stay representable.
  std::chrono::microseconds wall_jump_{0};
};

/// Timers on a VirtualClock: `fire_next` is the only thing that lets one end.
class VirtualTimers final : public Timers {
 public:
  VirtualTimers(boost::asio::io_context& io, VirtualClock& clock) : io_(io), clock_(clock) {}

  boost::asio::awaitable<bool> reached(MonoTime deadline) override;
  /// The earliest deadline that somebody waits for.
  [[nodiscard]] std::optional<MonoTime> next() const;
  /// Moves the clock to the earliest deadline and wakes who waits for it (in the order of their calls).
  void fire_next();
  [[nodiscard]] size_t waiting() const { return waiters_.size(); }
  /// Destroys every waiting coroutine.
  void clear() { waiters_.clear(); }

 private:
  using Id = std::pair<MonoTime, uint64_t>;
  using Resume = std::move_only_function<void(bool fired)>;
  void complete(Id id, bool fired);

  boost::asio::io_context& io_;
  VirtualClock& clock_;
  uint64_t next_id_ = 0;
  std::map<Id, Resume> waiters_;
};

}  // namespace stowage::kube
