#include "base/backoff.h"

#include <catch2/catch.hpp>

using stowage::Backoff;
using stowage::Millis;
using stowage::Random;

TEST_CASE("back-off: waits stay between the first wait and the doubled ceiling, and never pass the cap") {
  Random random(7);
  Backoff backoff(Millis{800}, Millis{30'000});
  int64_t ceiling = 800;
  for (int i = 0; i < 100; ++i) {
    const auto wait = backoff.next(random).count();
    CHECK(wait >= 800);
    CHECK(wait <= std::min<int64_t>(ceiling, 30'000));
    ceiling = std::min<int64_t>(ceiling * 2, 30'000);
  }
}

TEST_CASE("back-off: after a reset the first wait is the shortest again") {
  Random random(7);
  Backoff backoff(Millis{5}, Millis{1'000'000});
  for (int i = 0; i < 20; ++i)
    backoff.next(random);
  backoff.reset();
  CHECK(backoff.next(random) == Millis{5});
}

TEST_CASE("random: the same seed gives the same sequence") {
  Random a(1), b(1);
  for (int i = 0; i < 10; ++i)
    CHECK(a.next() == b.next());
  CHECK(a.below(0) == 0);
  for (int i = 0; i < 1000; ++i)
    CHECK(a.below(7) < 7);
}
