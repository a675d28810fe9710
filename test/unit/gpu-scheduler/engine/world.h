#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/place.h"

/// Builders for small clusters in engine tests.
namespace stowage::engine::test {

struct NodeBuilder {
  NodeSpec spec;
  explicit NodeBuilder(std::string name) {
    spec.name = std::move(name);
    spec.allocatable = {.cpu_milli = 64'000,
                        .memory_bytes = int64_t{256} << 30,
                        .ephemeral_bytes = int64_t{1} << 40,
                        .pods = 110};
    spec.labels["kubernetes.io/hostname"] = spec.name;
  }
  NodeBuilder&& gpus(int count, std::string product = "H100", int64_t memory_gib = 80) && {
    spec.accelerators.push_back({"nvidia.com/gpu", std::move(product), count, memory_gib << 30, false, {}});
    return std::move(*this);
  }
  NodeBuilder&& shareable() && {
    spec.accelerators.back().shareable = true;
    return std::move(*this);
  }
  NodeBuilder&& cpu(int64_t milli) && {
    spec.allocatable.cpu_milli = milli;
    return std::move(*this);
  }
  NodeBuilder&& label(std::string key, std::string value) && {
    spec.labels.insert_or_assign(std::move(key), std::move(value));
    return std::move(*this);
  }
  NodeBuilder&& rack(std::string value) && {
    return std::move(*this).label("stowage.dev/rack", std::move(value));
  }
  NodeBuilder&& zone(std::string value) && {
    return std::move(*this).label("topology.kubernetes.io/zone", std::move(value));
  }
  NodeBuilder&& price(int64_t micro) && {
    spec.price_micro = micro;
    return std::move(*this);
  }
};

inline NodeIndex add(ClusterState& state, NodeBuilder&& node) {
  auto index = state.upsert_node(std::move(node.spec));
  REQUIRE(index);
  return *index;
}

inline PodClass gpu_pod(int count, int64_t cpu_milli = 1000) {
  PodClass pod;
  pod.requests.cpu_milli = cpu_milli;
  pod.device = {.resource = "nvidia.com/gpu", .count = count};
  return pod;
}

inline PodClass share_pod(int milli, int64_t cpu_milli = 1000) {
  auto pod = gpu_pod(1, cpu_milli);
  pod.device.milli = milli;
  return pod;
}

inline Demand demand(ClusterState& state, const PodClass& pod, int count = 1,
                     std::string name = "ns/demand") {
  auto id = state.intern(pod);
  REQUIRE(id);
  Demand out;
  out.name = std::move(name);
  out.parts.push_back({.pod_class = *id, .count = count});
  return out;
}

inline Decision place_now(ClusterState& state, const Demand& wanted, const Policy& policy = {}) {
  auto budget = WorkBudget::unlimited();
  return place(state, wanted, policy, budget);
}

inline Demand in_one(Demand wanted, std::string level,
                     TopologyRequest::Mode mode = TopologyRequest::Mode::kRequired) {
  wanted.topology = {mode, std::move(level)};
  return wanted;
}

}  // namespace stowage::engine::test
