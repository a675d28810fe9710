#include "base/duration.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

namespace stowage {

std::optional<Millis> parse_duration(std::string_view text) {
  if (text == "0") return Millis{0};
  if (text.empty()) return std::nullopt;
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ms", 1}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}};
  double total = 0;
  while (!text.empty()) {
    double value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc{} || std::signbit(value)) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const auto* unit =
        std::ranges::find_if(kUnits, [&](const auto& each) { return text.starts_with(each.first); });
    if (unit == std::end(kUnits)) return std::nullopt;
    text.remove_prefix(unit->first.size());
    total += value * unit->second;
  }
  constexpr double kTenYears = 3.2e11;
  if (!(total <= kTenYears)) return std::nullopt;
  return Millis{static_cast<int64_t>(std::llround(total))};
}

}  // namespace stowage
