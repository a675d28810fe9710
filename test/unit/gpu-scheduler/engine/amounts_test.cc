#include <limits>

#include "test/unit/gpu-scheduler/engine/world.h"

/// Amounts near the end of what can be counted: exact, or a typed error and nothing done.
namespace stowage::engine {
namespace {

using namespace test;

constexpr int64_t kMost = int64_t{1} << 60;

NodeBuilder huge(std::string name) {
  NodeBuilder out(std::move(name));
  out.spec.allocatable = {.cpu_milli = kMost,
                          .memory_bytes = kMost,
                          .ephemeral_bytes = kMost,
                          .pods = kMost,
                          .extended = {{"example.com/thing", kMost}}};
  return out;
}

PodClass huge_pod(int64_t amount) {
  PodClass pod;
  pod.requests = {.cpu_milli = amount,
                  .memory_bytes = amount,
                  .ephemeral_bytes = amount,
                  .pods = 1,
                  .extended = {{"example.com/thing", amount}}};
  return pod;
}

TEST_CASE("2^60 of everything: fills the node exactly, one more of anything does not fit") {
  for (auto strategy : {Strategy::kPackability, Strategy::kFgd, Strategy::kBestFit, Strategy::kSpread}) {
    INFO(to_string(strategy));
    ClusterState state;
    const auto node = add(state, huge("a"));
    const Policy policy{.strategy = strategy, .packing = strategy == Strategy::kFgd ? 1000 : 0};
    REQUIRE(place_now(state, demand(state, huge_pod(kMost / 4), 4), policy).placed());
    CHECK(state.node(node).free_cpu_milli == 0);
    CHECK(state.node(node).free_memory_bytes == 0);
    CHECK(state.node(node).extended(state.resource_id("example.com/thing")) == 0);
    CHECK_FALSE(place_now(state, demand(state, huge_pod(1)), policy).placed());
  }
}

TEST_CASE("amounts beyond 2^60 or below 0: a typed error that names the field, nothing is kept") {
  ClusterState state;
  const auto before = state.digest();
  for (const int64_t amount :
       {kMost + 1, std::numeric_limits<int64_t>::max(), int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    INFO(amount);
    const auto id = state.intern(huge_pod(amount));
    REQUIRE_FALSE(id);
    CHECK(id.error().code == Code::kInvalidArgument);
    CHECK(id.error().message.starts_with("requests.cpu: "));
    auto node = huge("a");
    node.spec.allocatable.memory_bytes = amount;
    const auto added = state.upsert_node(std::move(node.spec));
    REQUIRE_FALSE(added);
    CHECK(added.error().code == Code::kInvalidArgument);
    CHECK(added.error().message.find("allocatable.memory") != std::string::npos);
  }
  CHECK(state.class_count() == 0);
  CHECK(state.node_count() == 0);
  CHECK(state.digest() == before);
  auto many = gpu_pod(1);
  many.requests.extended["nvidia.com/gpu"] = (int64_t{1} << 20) + 1;
  REQUIRE_FALSE(state.intern(many));
  CHECK(state.intern(many).error().message.starts_with("device.count: "));
}

TEST_CASE("foreign pods of 2^60 on one node: counted until the sum could not be, then refused whole") {
  ClusterState state;
  const auto node = add(state, huge("a"));
  const auto empty = state.node(node).free_cpu_milli;
  const auto id = state.intern(huge_pod(kMost));
  REQUIRE(id);
  int count = 0;
  for (; count < 20; ++count) {
    const auto before = state.digest();
    const auto added = state.add_pod({.uid = std::to_string(count), .pod_class = *id, .node = node});
    if (added) continue;
    CHECK(added.error().code == Code::kInvalidArgument);
    CHECK(state.digest() == before);
    break;
  }
  CHECK(count >= 3);
  CHECK(count < 20);
  CHECK(state.node(node).free_cpu_milli == kMost - count * kMost);
  CHECK_FALSE(place_now(state, demand(state, huge_pod(1))).placed());
  // What asks for none of it still goes there, and its score is a number.
  PodClass none;
  for (auto strategy : {Strategy::kPackability, Strategy::kFgd, Strategy::kBestFit, Strategy::kSpread})
    CHECK(place_now(state, demand(state, none), {.strategy = strategy}).placed());
  for (int i = 0; i < count; ++i)
    CHECK(state.remove_pod(std::to_string(i)));
  CHECK(state.node(node).free_cpu_milli == empty);
}

TEST_CASE("devices of 2^60 bytes: the tolerance is reckoned without overflow") {
  ClusterState state;
  auto node = NodeBuilder("a").gpus(1);
  node.spec.accelerators.back().memory_bytes = kMost / 100 * 93;
  add(state, std::move(node));
  auto pod = gpu_pod(1);
  pod.device.memory_bytes = kMost;
  CHECK_FALSE(place_now(state, demand(state, pod)).placed());
  pod.device.memory_bytes = kMost - 200;
  CHECK(place_now(state, demand(state, pod)).placed());
}

TEST_CASE("prices up to 2^60 with the highest weight: the cheaper node still wins") {
  ClusterState state;
  add(state, NodeBuilder("a").gpus(8).price(kMost));
  add(state, NodeBuilder("b").gpus(8).price(kMost / 2));
  const Policy policy{.strategy = Strategy::kBestFit, .cost = 1000};
  CHECK(state.node_name(place_now(state, demand(state, gpu_pod(1)), policy).bindings.at(0).node) == "b");
}

TEST_CASE("a gang of more pods than can be counted: an error that names the field") {
  ClusterState state;
  add(state, huge("a"));
  auto gang = demand(state, huge_pod(0), std::numeric_limits<int32_t>::max());
  gang.parts.push_back(gang.parts.front());
  const auto decision = place_now(state, gang);
  CHECK(decision.why.reason == "InvalidDemand");
  CHECK(decision.why.message.starts_with("parts: "));
}

}  // namespace
}  // namespace stowage::engine
