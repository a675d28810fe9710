#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace stowage {

/// Monotonic time: for deadlines, leases and back-off. Never written to an object.
using MonoTime = std::chrono::steady_clock::time_point;
/// Wall time: for timestamps in objects and logs. Never compared across machines to decide anything.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using Millis = std::chrono::milliseconds;

/// The only source of time. Injected, so that tests and the simulator own it.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonoTime now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

/// The machine's clocks. Constructed in main only.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] MonoTime now() const override;
  [[nodiscard]] WallTime wall() const override;
};

/// "2026-01-02T03:04:05Z", as metav1.Time is written.
std::string format_rfc3339(WallTime time);
/// "2026-01-02T03:04:05.000006Z", as metav1.MicroTime is written.
std::string format_rfc3339_micro(WallTime time);
/// Reads RFC 3339 with optional fraction (kept to microseconds) and `Z` or a numeric offset.
/// Error: kInvalidArgument, naming the text.
Result<WallTime> parse_rfc3339(std::string_view text);

}  // namespace stowage
