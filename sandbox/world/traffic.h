#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace stowage::sandbox {

/// Requests a second over time: steps, each from an offset on.
struct Traffic {
  std::vector<std::pair<Millis, double>> steps;  ///< Offsets strictly rise; the first is not before 0.

  /// The rate at `since` after the traffic was set; 0 before the first step.
  [[nodiscard]] double at(Millis since) const;
  /// False when no request will ever come from `since` on.
  [[nodiscard]] bool any_after(Millis since) const;
};

/// "12.5", or "0s=1,60s=20,5m=2". Nothing when it is neither, a rate is negative or beyond a million, or
/// offsets do not rise.
std::optional<Traffic> parse_traffic(std::string_view text);

}  // namespace stowage::sandbox
