#include "base/quantity.h"

#include <catch2/catch.hpp>

using stowage::Code;
using stowage::format_bytes;
using stowage::format_milli;
using stowage::parse_quantity;
using stowage::parse_quantity_milli;

TEST_CASE("quantity: every suffix of the API is understood") {
  CHECK(parse_quantity("8").value() == 8);
  CHECK(parse_quantity("141Gi").value() == 141LL << 30);
  CHECK(parse_quantity("1k").value() == 1000);
  CHECK(parse_quantity("1.5Gi").value() == 3LL << 29);
  CHECK(parse_quantity("1e3").value() == 1000);
  CHECK(parse_quantity("5E").value() == 5'000'000'000'000'000'000);
  CHECK(parse_quantity("+7").value() == 7);
  CHECK(parse_quantity("-2Ki").value() == -2048);
  CHECK(parse_quantity_milli("100m").value() == 100);
  CHECK(parse_quantity_milli("2").value() == 2000);
  CHECK(parse_quantity_milli("0.5").value() == 500);
}

TEST_CASE("quantity: fractions round away from zero, as the API server's do") {
  CHECK(parse_quantity("100m").value() == 1);
  CHECK(parse_quantity("1.1").value() == 2);
  CHECK(parse_quantity("-100m").value() == -1);
  CHECK(parse_quantity_milli("1n").value() == 1);
}

TEST_CASE("quantity: what is not a quantity is refused by name") {
  for (const char* text : {"", "Gi", "1.2.3", "8 Gi", "1Zi", "e3", "1e", "1e9999", "0x10", "NaN", "."}) {
    const auto result = parse_quantity(text);
    INFO(text);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Code::kInvalidArgument);
    CHECK(result.error().message.find(text) != std::string::npos);
  }
}

TEST_CASE("quantity: overflow is an error, never a wrapped number") {
  CHECK_FALSE(parse_quantity("9223372036854775808"));
  CHECK_FALSE(parse_quantity("8Ei"));
  CHECK_FALSE(parse_quantity("1e30"));
  CHECK_FALSE(parse_quantity("99999999999999999999999999999999999999"));
  CHECK_FALSE(parse_quantity_milli("9223372036854775807"));
  CHECK(parse_quantity("9223372036854775807").value() == INT64_MAX);
}

TEST_CASE("quantity: formatting loses nothing") {
  CHECK(format_bytes(141LL << 30) == "141Gi");
  CHECK(format_bytes(1000) == "1000");
  CHECK(format_bytes(0) == "0");
  CHECK(format_milli(1500) == "1500m");
  CHECK(format_milli(2000) == "2");
}
