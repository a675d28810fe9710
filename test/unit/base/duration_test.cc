#include "base/duration.h"

#include <catch2/catch.hpp>

using stowage::Millis;
using stowage::parse_duration;

TEST_CASE("durations: Go's notation, and nothing else") {
  CHECK(parse_duration("1h2m3s4ms") == Millis{3'723'004});
  CHECK(parse_duration("1.5s") == Millis{1'500});
  CHECK(parse_duration("0") == Millis{0});
  for (const char* text : {"", "5", "s", "-1s", "1x", "1 s", "nan", "inf", "1e400s", "99999999999h"})
    CHECK_FALSE(parse_duration(text));
}
