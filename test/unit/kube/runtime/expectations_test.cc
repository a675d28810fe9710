#include "kube/runtime/expectations.h"

#include <catch2/catch.hpp>

using stowage::Millis;
using stowage::MonoTime;
using stowage::kube::Expectations;

namespace {
constexpr MonoTime kStart{std::chrono::hours{1}};
}

TEST_CASE("rule 25: a key with a created child that the cache has not shown is not planned again") {
  Expectations expectations(Millis{30'000});
  CHECK(expectations.satisfied("a", kStart));
  expectations.expect_create("a", "child-1", kStart);
  expectations.expect_create("a", "child-2", kStart);
  CHECK_FALSE(expectations.satisfied("a", kStart));
  CHECK(expectations.satisfied("b", kStart));
  expectations.seen_create("a", "child-1");
  CHECK_FALSE(expectations.satisfied("a", kStart));
  expectations.seen_create("a", "child-2");
  CHECK(expectations.satisfied("a", kStart));
}

TEST_CASE("rule 25: a delete is seen by UID, so a child of the same name does not count for it") {
  Expectations expectations(Millis{30'000});
  expectations.expect_delete("a", "uid-1", kStart);
  expectations.seen_create("a", "uid-1");
  expectations.seen_delete("a", "uid-2");
  CHECK_FALSE(expectations.satisfied("a", kStart));
  expectations.seen_delete("a", "uid-1");
  CHECK(expectations.satisfied("a", kStart));
}

TEST_CASE("expectations: what never shows up stops blocking after the timeout") {
  Expectations expectations(Millis{30'000});
  expectations.expect_create("a", "child", kStart);
  CHECK_FALSE(expectations.satisfied("a", kStart + Millis{29'999}));
  CHECK(expectations.satisfied("a", kStart + Millis{30'000}));
}

TEST_CASE("expectations: what was made and removed unseen is met when the cache has followed beyond it") {
  Expectations expectations(Millis{30'000});
  expectations.expect_create("a", "child", kStart);
  CHECK_FALSE(expectations.satisfied("a", kStart, "99"));  // not answered yet
  expectations.created("a", "child", "100");
  CHECK_FALSE(expectations.satisfied("a", kStart, ""));
  CHECK_FALSE(expectations.satisfied("a", kStart, "99"));
  CHECK(expectations.satisfied("a", kStart, "100"));
  expectations.created("a", "child", "101");  // seen already: nothing is expected
  CHECK(expectations.satisfied("a", kStart, ""));
}

TEST_CASE("expectations: a forgotten key starts clean") {
  Expectations expectations(Millis{30'000});
  expectations.expect_create("a", "child", kStart);
  expectations.forget("a");
  CHECK(expectations.satisfied("a", kStart));
}
