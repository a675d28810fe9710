#include <charconv>

#include "sandbox/world/kubelets.h"

namespace stowage::sandbox {

std::optional<Millis> parse_duration(std::string_view text) {
  // A year: longer is a mistake, and sums of durations stay far from overflow.
  constexpr double kMostMillis = 366.0 * 24 * 3'600'000;
  if (text.empty()) return std::nullopt;
  double total = 0;
  bool first = true;
  while (!text.empty()) {
    double value = 0;
    const auto [end, problem] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (problem != std::errc{} || value < 0) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    double unit = 1000;
    if (text.starts_with("ms")) {
      unit = 1;
      text.remove_prefix(2);
    } else if (text.starts_with("s")) {
      text.remove_prefix(1);
    } else if (text.starts_with("m")) {
      unit = 60'000;
      text.remove_prefix(1);
    } else if (text.starts_with("h")) {
      unit = 3'600'000;
      text.remove_prefix(1);
    } else if (!text.empty() || !first) {
      return std::nullopt;
    }
    first = false;
    total += value * unit;
    if (!(total <= kMostMillis)) return std::nullopt;
  }
  return Millis{static_cast<int64_t>(total)};
}

}  // namespace stowage::sandbox
