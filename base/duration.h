#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace stowage {

/// Go's notation of a duration, not negative: "1m30s", "1.5s", "250ms", "0"; units h, m, s and ms. Rounded to
/// milliseconds. Nothing for any other text, and for more than ten years: far above any setting, far below an
/// overflow.
std::optional<Millis> parse_duration(std::string_view text);

}  // namespace stowage
