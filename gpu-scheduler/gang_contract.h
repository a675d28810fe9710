#pragma once

#include <string>
#include <string_view>

#include "api/core/pod.h"
#include "base/result.h"
#include "gpu-scheduler/engine/demand.h"
#include "gpu-scheduler/translate.h"

/// What pods say about their gang and their wishes: annotations under `stowage.dev/`.
namespace stowage::scheduler {

namespace annotation {
inline constexpr std::string_view kGroup = "stowage.dev/group";
inline constexpr std::string_view kGroupSize = "stowage.dev/group-size";
inline constexpr std::string_view kTopologyRequired = "stowage.dev/topology-required";
inline constexpr std::string_view kTopologyPreferred = "stowage.dev/topology-preferred";
inline constexpr std::string_view kSpread = "stowage.dev/spread";
inline constexpr std::string_view kProducts = "stowage.dev/products";
inline constexpr std::string_view kDeviceMemory = "stowage.dev/device-memory";
inline constexpr std::string_view kTiers = "stowage.dev/tiers";
inline constexpr std::string_view kPolicy = "stowage.dev/scheduling-policy";
}  // namespace annotation

namespace label {
inline constexpr std::string_view kDeployment = "stowage.dev/deployment";
inline constexpr std::string_view kReplica = "stowage.dev/replica";
inline constexpr std::string_view kRank = "stowage.dev/rank";
}  // namespace label

/// The annotations of one pod. Lists are separated by commas, most wanted first.
struct PodTerms {
  std::string group;  ///< Empty: the pod is a unit of its own.
  int32_t group_size = 1;
  engine::TopologyRequest topology;
  engine::SpreadRequest spread;
  DeviceWishes wishes;
  std::string policy = "default";
};

/// Errors: kInvalidArgument, a sentence that names the annotation and what to write instead.
Result<PodTerms> read_terms(const api::Pod& pod);

/// Empty when both ask the same of the group, else the annotation that differs.
std::string_view disagreement(const PodTerms& a, const PodTerms& b);

/// The unit that a pod belongs to: "ns/owner-uid/group", "ns/podgroup/name" by schedulingGroup, or its own
/// UID.
std::string unit_key(const api::Pod& pod);

/// What replicas are spread over: the pods of one controller, or of one deployment.
std::string spread_key(const api::Pod& pod);

/// Rank by label, -1 without one.
int64_t rank_of(const api::Pod& pod);

}  // namespace stowage::scheduler
