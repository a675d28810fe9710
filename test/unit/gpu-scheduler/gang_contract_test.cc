#include "gpu-scheduler/gang_contract.h"

#include <catch2/catch.hpp>

#include "world.h"

using namespace stowage;
using namespace stowage::scheduler;
using stowage::test::make_pod;

TEST_CASE("pod without annotations: a unit of its own under the default policy") {
  const auto terms = read_terms(make_pod("p").pod);
  REQUIRE(terms.has_value());
  CHECK(terms->group.empty());
  CHECK(terms->group_size == 1);
  CHECK(terms->policy == "default");
  CHECK(terms->topology.mode == engine::TopologyRequest::Mode::kNone);
  CHECK(unit_key(make_pod("p").pod) == "uid-p");
}

TEST_CASE("every annotation: is read") {
  const auto terms = read_terms(make_pod("p")
                                    .group("g", 4)
                                    .note("stowage.dev/topology-preferred", "rack")
                                    .note("stowage.dev/spread", "zone/2")
                                    .note("stowage.dev/products", "A, B")
                                    .note("stowage.dev/device-memory", "80Gi")
                                    .note("stowage.dev/tiers", "Spot,OnDemand,Reserved")
                                    .note("stowage.dev/scheduling-policy", "fast")
                                    .pod);
  REQUIRE(terms.has_value());
  CHECK(terms->group_size == 4);
  CHECK(terms->topology.mode == engine::TopologyRequest::Mode::kPreferred);
  CHECK(terms->topology.level == "rack");
  CHECK(terms->spread.level == "zone");
  CHECK(terms->spread.max_skew == 2);
  CHECK(terms->wishes.products == std::vector<std::string>{"A", "B"});
  CHECK(terms->wishes.memory_bytes == int64_t{80} << 30);
  using engine::Tier;
  CHECK(terms->wishes.tiers == std::vector<Tier>{Tier::kSpot, Tier::kOnDemand, Tier::kReserved});
  CHECK(terms->policy == "fast");
}

TEST_CASE("wrong annotation: the sentence names it, its value and what to write") {
  const auto check = [](const char* key, const char* value, const char* part) {
    const auto terms = read_terms(make_pod("p").group("g", 2).note(key, value).pod);
    INFO(key << " = " << value);
    REQUIRE_FALSE(terms.has_value());
    CHECK(terms.error().code == Code::kInvalidArgument);
    CHECK_THAT(terms.error().message,
               Catch::Contains(key) && Catch::Contains(value) && Catch::Contains(part));
  };
  for (const char* size : {"many", "0", "-1", "2.5", "99999999999999999999", "100001"})
    check("stowage.dev/group-size", size, "how many pods");
  for (const char* spread : {"zone/0", "zone/x", "/1", "zone/-3"})
    check("stowage.dev/spread", spread, "zone/1");
  check("stowage.dev/device-memory", "lots", "80Gi");
  check("stowage.dev/tiers", "Cheap", "Reserved, OnDemand or Spot");
  CHECK_FALSE(read_terms(make_pod("p").note("stowage.dev/group-size", "3").pod).has_value());
  CHECK_FALSE(read_terms(make_pod("p")
                             .note("stowage.dev/topology-required", "rack")
                             .note("stowage.dev/topology-preferred", "zone")
                             .pod)
                  .has_value());
}

TEST_CASE("same group name under another namespace or controller: another unit") {
  const auto a = make_pod("a").group("g", 2).owner("m", "o1").pod;
  const auto b = make_pod("b").group("g", 2).owner("m", "o2").pod;
  CHECK(unit_key(a) == "ns/o1/g");
  CHECK(unit_key(a) != unit_key(b));
  auto c = a;
  c.meta.ns = "other";
  CHECK(unit_key(a) != unit_key(c));
}

TEST_CASE("members that disagree: the annotation is named") {
  const auto one = *read_terms(make_pod("a").group("g", 2).pod);
  CHECK(disagreement(one, *read_terms(make_pod("b").group("g", 2).pod)).empty());
  CHECK(disagreement(one, *read_terms(make_pod("b").group("g", 3).pod)) == annotation::kGroupSize);
  CHECK(
      disagreement(one, *read_terms(make_pod("b").group("g", 2).note("stowage.dev/spread", "zone/1").pod)) ==
      annotation::kSpread);
  CHECK(disagreement(
            one, *read_terms(make_pod("b").group("g", 2).note("stowage.dev/topology-required", "x").pod)) ==
        annotation::kTopologyRequired);
}
