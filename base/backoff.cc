#include "base/backoff.h"

#include <algorithm>

namespace stowage {

Millis Backoff::next(Random& random) {
  // 2^30 times a millisecond is beyond every cap in use, and the shift cannot overflow.
  const int doublings = std::min(failures_, 30);
  ++failures_;
  const auto ceiling = std::min<int64_t>(cap_.count(), first_.count() << doublings);
  const auto spread = static_cast<uint64_t>(std::max<int64_t>(0, ceiling - first_.count()));
  return first_ + Millis{static_cast<int64_t>(random.below(spread + 1))};
}

}  // namespace stowage
