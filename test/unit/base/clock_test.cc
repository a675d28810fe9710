#include "base/clock.h"

#include <catch2/catch.hpp>

using stowage::format_rfc3339;
using stowage::format_rfc3339_micro;
using stowage::parse_rfc3339;

TEST_CASE("time: what was formatted reads back") {
  const auto time = parse_rfc3339("2026-02-28T23:59:59.123456Z").value();
  CHECK(format_rfc3339_micro(time) == "2026-02-28T23:59:59.123456Z");
  CHECK(format_rfc3339(time) == "2026-02-28T23:59:59Z");
}

TEST_CASE("time: offsets and nanoseconds are normalised") {
  CHECK(format_rfc3339(parse_rfc3339("2026-01-01T01:30:00+01:30").value()) == "2026-01-01T00:00:00Z");
  CHECK(format_rfc3339_micro(parse_rfc3339("2026-01-01T00:00:00.000001999Z").value()) ==
        "2026-01-01T00:00:00.000001Z");
}

TEST_CASE("time: nonsense is refused") {
  for (const char* text :
       {"", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00",
        "2026-01-01T24:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx"}) {
    INFO(text);
    CHECK_FALSE(parse_rfc3339(text));
  }
}
