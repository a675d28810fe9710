#pragma once

#include "base/clock.h"
#include "base/random.h"

namespace stowage {

/// Exponential back-off with full jitter (Brooker, AWS Architecture Blog 2015): the n-th wait is uniform in
/// [first, min(cap, first * 2^n)].
class Backoff {
 public:
  Backoff(Millis first, Millis cap) : first_(first), cap_(cap) {}

  /// The next wait; each call doubles the ceiling.
  Millis next(Random& random);
  /// After health was proved: start from `first` again.
  void reset() { failures_ = 0; }
  [[nodiscard]] int failures() const { return failures_; }

 private:
  Millis first_;
  Millis cap_;
  int failures_ = 0;
};

}  // namespace stowage
