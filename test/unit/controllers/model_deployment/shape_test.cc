#include "controllers/model_deployment/shape.h"

#include <catch2/catch.hpp>

using namespace stowage;
using namespace stowage::model_deployment;

namespace {

api::ModelDeploymentSpec parallel(int32_t tensor, int32_t pipeline = 1, int32_t data = 1) {
  api::ModelDeploymentSpec spec;
  spec.parallelism = api::Parallelism{.tensor = tensor, .pipeline = pipeline, .data = data};
  return spec;
}

std::pair<int32_t, int32_t> nodes_by_devices(const api::ModelDeploymentSpec& spec) {
  const auto shape = derive_shape(spec);
  REQUIRE(shape);
  return {shape->nodes, shape->per_node};
}

}  // namespace

TEST_CASE("counts are derived from parallelism: one node up to eight devices, then whole tensor sets") {
  using Pair = std::pair<int32_t, int32_t>;
  CHECK(nodes_by_devices({}) == Pair(1, 1));
  CHECK(nodes_by_devices(parallel(8)) == Pair(1, 8));
  CHECK(nodes_by_devices(parallel(2, 2, 2)) == Pair(1, 8));
  CHECK(nodes_by_devices(parallel(8, 2)) == Pair(2, 8));
  CHECK(nodes_by_devices(parallel(16)) == Pair(2, 8));
  CHECK(nodes_by_devices(parallel(4, 4)) == Pair(2, 8));
  CHECK(nodes_by_devices(parallel(6, 2)) == Pair(2, 6));
  CHECK(nodes_by_devices(parallel(3, 4)) == Pair(2, 6));
  CHECK(nodes_by_devices(parallel(7, 3)) == Pair(3, 7));
  CHECK(nodes_by_devices(parallel(11)) == Pair(11, 1));
}

TEST_CASE("what was derived is told, what the user said is not") {
  auto spec = parallel(8, 2);
  CHECK(derive_shape(spec)->selected.size() == 2);
  spec.accelerator.per_node = 8;
  CHECK(derive_shape(spec)->selected.size() == 1);
  spec.accelerator.nodes_per_replica = 2;
  CHECK(derive_shape(spec)->selected.empty());
}

TEST_CASE("only device counts are given, and more than 2,048 devices: refused with the count") {
  api::ModelDeploymentSpec spec;
  spec.accelerator.per_node = 256;
  spec.accelerator.nodes_per_replica = 8;
  CHECK(derive_shape(spec));
  spec.accelerator.nodes_per_replica = 256;
  REQUIRE_FALSE(derive_shape(spec));
  CHECK(derive_shape(spec).error().message.find("65536") != std::string::npos);
}

TEST_CASE("only device counts are given: one tensor-parallel set a node, one pipeline stage a node") {
  api::ModelDeploymentSpec spec;
  spec.accelerator.per_node = 4;
  spec.accelerator.nodes_per_replica = 2;
  const auto shape = derive_shape(spec);
  REQUIRE(shape);
  CHECK(shape->parallelism.tensor == 4);
  CHECK(shape->parallelism.pipeline == 2);
  CHECK(shape->world() == 8);
}

TEST_CASE("counts that do not divide, or are absurd: an error that says what to change") {
  auto spec = parallel(8);
  spec.accelerator.per_node = 3;
  CHECK(derive_shape(spec).error().message.find("perNode") != std::string::npos);
  spec = parallel(8);
  spec.accelerator.nodes_per_replica = 16;
  CHECK_FALSE(derive_shape(spec));
  CHECK_FALSE(derive_shape(parallel(1024, 256, 1024)));
  CHECK_FALSE(derive_shape(parallel(2'000'000'000, 2'000'000'000, 2)));
}

TEST_CASE("the accelerator in words") {
  auto spec = parallel(8, 2);
  const auto shape = *derive_shape(spec);
  CHECK(describe_accelerator(spec.accelerator, shape) == "2x8 nvidia.com/gpu");
  spec.accelerator.products = {"NVIDIA-H100-80GB-HBM3", "B"};
  CHECK(describe_accelerator(spec.accelerator, shape) == "2x8 NVIDIA-H100-80GB-HBM3");
}
