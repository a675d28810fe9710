#include "api/stowage/v1alpha1/duration.h"

#include <algorithm>
#include <string>

namespace stowage::api {

void read_duration(JsonValue value, Millis& out) {
  constexpr int64_t kMost = int64_t{10} * 365 * 24 * 3600;
  if (value.is_null()) return;
  const std::string_view text = value.text();
  int64_t total = 0;
  int64_t number = -1;
  bool good = !text.empty();
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      number = std::min(kMost, std::max<int64_t>(number, 0) * 10 + (c - '0'));
      continue;
    }
    const int64_t unit = c == 's' ? 1 : c == 'm' ? 60 : c == 'h' ? 3600 : 0;
    if (unit == 0 || number < 0) {
      good = false;
      break;
    }
    total = std::min(kMost, total + number * unit);
    number = -1;
  }
  if (!good || number >= 0) {
    value.fail("\"" + std::string(text) + "\" is not a duration such as 30m or 1h30m");
    return;
  }
  out = std::chrono::seconds(total);
}

}  // namespace stowage::api
