#include "api/core/node.h"

#include <catch2/catch.hpp>

using namespace stowage;

TEST_CASE("node with every field: all is read") {
  const auto node = api::decode_node(R"({"apiVersion":"v1","kind":"Node",
    "metadata":{"name":"gpu-1","uid":"u","resourceVersion":"7","labels":{"nvidia.com/gpu.memory":"81559"}},
    "spec":{"unschedulable":true,"podCIDR":"10.0.0.0/24","taints":[
      {"key":"nvidia.com/gpu","value":"present","effect":"NoSchedule"},
      {"key":"x","effect":"NoExecute","timeAdded":"2026-01-02T03:04:05Z"}]},
    "status":{"capacity":{"cpu":"99"},"allocatable":{"cpu":"96","memory":"2Ti","nvidia.com/gpu":"8","pods":"110"},
      "conditions":[{"type":"MemoryPressure","status":"False"},{"type":"Ready","status":"True",
        "lastTransitionTime":"2026-01-02T03:04:05Z"}],"images":[{"names":["a"],"sizeBytes":1}]}})");
  REQUIRE(node.has_value());
  CHECK(node->meta.name == "gpu-1");
  CHECK(node->meta.label("nvidia.com/gpu.memory") == "81559");
  CHECK(node->unschedulable);
  CHECK(node->taints ==
        std::vector<api::Taint>{{"nvidia.com/gpu", "present", "NoSchedule"}, {"x", "", "NoExecute"}});
  CHECK(
      node->allocatable ==
      api::ResourceList{{"cpu", 96000}, {"memory", int64_t{2} << 40}, {"nvidia.com/gpu", 8}, {"pods", 110}});
  CHECK(node->ready);
}

TEST_CASE("node without conditions: not ready") {
  const auto node = api::decode_node(R"({"metadata":{"name":"a"}})");
  REQUIRE(node.has_value());
  CHECK_FALSE(node->ready);
  CHECK(node->allocatable.empty());
}

TEST_CASE("node with a bad quantity: the error names the resource") {
  const auto node = api::decode_node(R"({"status":{"allocatable":{"cpu":"many"}}})");
  REQUIRE_FALSE(node.has_value());
  CHECK(node.error().code == Code::kMalformed);
  CHECK_THAT(node.error().message, Catch::StartsWith("status.allocatable.cpu: \"many\" is not a quantity"));
}
