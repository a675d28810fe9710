#include "gpu-scheduler/engine/node_value.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "base/random.h"
#include "gpu-scheduler/engine/sample_packer.h"

/// The value of a node is computed with tables and short cuts; here it is held against the plain definition.
namespace stowage::engine {
namespace {

std::shared_ptr<const DemandModel> mixed_demand() {
  auto model = DemandModel::build({
      {.cpu_milli = 2000, .weight = 30},
      {.cpu_milli = 8000, .count = 1, .weight = 20},
      {.cpu_milli = 1000, .count = 1, .milli = 810, .weight = 9},
      {.cpu_milli = 500, .count = 1, .milli = 460, .products = {"T4", "P100"}, .weight = 11},
      {.cpu_milli = 6000, .count = 1, .milli = 190, .weight = 7},
      {.cpu_milli = 16'000, .count = 2, .products = {"V100"}, .weight = 5},
      {.cpu_milli = 64'000, .count = 8, .weight = 3},
  });
  REQUIRE(model);
  return *model;
}

NodeShape shape(const DemandModel& model, const char* product, int64_t cpu, std::vector<int16_t> free) {
  NodeShape out{.product = model.product_index(product),
                .devices = static_cast<uint32_t>(free.size()),
                .cpu_milli = cpu};
  std::ranges::copy(free, out.free.begin());
  out.sort();
  return out;
}

/// One sample in order, each pod on the tightest device that holds it, or passed over.
SamplePacker::Run pack_plainly(const DemandModel& model, const std::vector<uint32_t>& sample,
                               NodeShape node) {
  SamplePacker::Run run;
  for (uint32_t id : sample) {
    const auto& pod = model.entries()[id];
    if (pod.cpu_milli > node.cpu_milli || (pod.product_mask >> node.product & 1) == 0) continue;
    node.sort();
    auto begin = node.free.begin();
    auto end = begin + node.devices;
    auto first = std::lower_bound(begin, end, static_cast<int16_t>(pod.milli));
    if (end - first < pod.count) continue;
    for (int32_t i = 0; i < pod.count; ++i)
      *(first + i) = static_cast<int16_t>(*(first + i) - pod.milli);
    node.cpu_milli -= pod.cpu_milli;
    run.packed_milli += pod.count * pod.milli;
    run.cpu_milli += pod.cpu_milli;
  }
  return run;
}

NodeShape random_shape(const DemandModel& model, Random& random) {
  constexpr std::array<int16_t, 8> kFree = {0, 0, 190, 460, 540, 810, 1000, 1000};
  std::vector<int16_t> free(random.below(9));
  for (auto& slice : free)
    slice =
        random.below(4) > 0 ? kFree[random.below(kFree.size())] : static_cast<int16_t>(random.below(1001));
  constexpr std::array<const char*, 4> kProducts = {"T4", "P100", "V100", "G3"};
  return shape(model, kProducts[random.below(4)], static_cast<int64_t>(random.below(96)) * 1000, free);
}

TEST_CASE("random nodes: every sample is packed as the plain way packs it") {
  auto model = mixed_demand();
  SamplePacker packer(*model);
  Random random(7);
  for (int round = 0; round < 2000; ++round) {
    auto node = random_shape(*model, random);
    size_t k = random.below(DemandModel::kSamples);
    auto run = packer.pack(k, node.product, node.slices(), node.cpu_milli);
    auto plain = pack_plainly(*model, model->samples()[k], node);
    INFO("round " << round << " sample " << k);
    REQUIRE(run.packed_milli == plain.packed_milli);
    REQUIRE(run.cpu_milli == plain.cpu_milli);
  }
}

/// The definition: samples packed, prices of holes, less half the fragmentation.
int64_t plain_potential(const DemandModel& model, const NodeShape& node) {
  constexpr int32_t kIdleBonus = 41;
  int64_t value = -(expected_fragmentation(model, node) * kPotentialUnit / (2 * DemandModel::kWeightSum));
  for (const auto& sample : model.samples())
    value += int64_t{pack_plainly(model, sample, node).packed_milli} * DemandModel::kPriceUnit;
  for (int16_t free : node.slices()) {
    int64_t price = model.hole_price(free) + (free == kWholeDevice ? kIdleBonus : 0);
    value += DemandModel::kSamples * kHoleWeight * kWholeDevice * price;
  }
  return value;
}

TEST_CASE("random nodes, asked in any order and again: the values are those of the definition") {
  auto model = mixed_demand();
  NodeValues values(model);
  Random random(11);
  std::vector<std::pair<NodeShape, int64_t>> seen;
  for (int round = 0; round < 3000; ++round) {
    auto node = random_shape(*model, random);
    REQUIRE(values.potential(node) == plain_potential(*model, node));
    REQUIRE(values.fragmentation(node) == expected_fragmentation(*model, node));
    seen.emplace_back(node, values.potential(node));
  }
  for (const auto& [node, value] : seen)
    REQUIRE(values.potential(node) == value);
}

TEST_CASE("the same room on more devices: a node is worth less, for eight-device pods need it whole") {
  auto model = mixed_demand();
  NodeValues values(model);
  auto whole = shape(*model, "V100", 96'000, {1000, 1000, 1000, 1000, 0, 0, 0, 0});
  auto halves = shape(*model, "V100", 96'000, {500, 500, 500, 500, 500, 500, 500, 500});
  CHECK(values.potential(whole) > values.potential(halves));
}

}  // namespace
}  // namespace stowage::engine
