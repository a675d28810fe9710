#pragma once

#include <cstdint>

namespace stowage {

/// A small seeded generator (SplitMix64, Steele et al., OOPSLA 2014): same seed, same sequence, on every
/// machine. Injected wherever chance is needed; only main seeds it from the operating system.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  /// Uniform over all 64-bit values.
  uint64_t next();
  /// Uniform in [0, bound); 0 when bound is 0.
  uint64_t below(uint64_t bound);
  /// Uniform in [0, 1).
  double unit();
  /// An independent generator whose sequence depends only on this one's state.
  Random split() { return Random(next()); }

 private:
  uint64_t state_;
};

}  // namespace stowage
