#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/string_map.h"

namespace stowage::engine {

/// Position of a node in a ClusterState; stays the same until the node is removed, then may be used again.
using NodeIndex = uint32_t;
/// Position of a running pod in a ClusterState; stays the same until the pod is removed.
using PodIndex = uint32_t;
/// Number of an interned PodClass in a ClusterState (forks share the numbering up to the fork).
using ClassId = uint32_t;
/// Number of an interned string.
using StringId = uint32_t;
/// A topology domain: one rack, one zone, ... of one ClusterState.
using DomainId = uint32_t;

inline constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

/// Most devices a node may have; a pod's devices are a 64-bit mask, bit = index on the node.
inline constexpr size_t kMaxDevices = 64;
/// Largest amount of anything, of a node or of a pod. Sums over the pods of one node stay within 2^63,
/// because a node that is short by 2^61 takes no more.
inline constexpr int64_t kMaxAmount = int64_t{1} << 60;
/// Thousandths of one whole device.
inline constexpr int32_t kWholeDevice = 1000;

/// Kubernetes labels, annotations and plain nodeSelectors.
using Labels = StringMap;

/// How capacity is paid for.
enum class Tier : uint8_t { kOnDemand, kReserved, kSpot };
std::string_view to_string(Tier tier);

/// Amounts of what the kubelet counts. All >= 0.
struct Resources {
  int64_t cpu_milli = 0;
  int64_t memory_bytes = 0;
  int64_t ephemeral_bytes = 0;
  /// Pod slots: allocatable pods of a node; for a pod leave it 1.
  int64_t pods = 0;
  /// Extended resources and hugepages by full name, e.g. "nvidia.com/gpu" -> 8.
  std::map<std::string, int64_t, std::less<>> extended;

  bool operator==(const Resources&) const = default;
};

}  // namespace stowage::engine
