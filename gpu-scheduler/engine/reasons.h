#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stowage::engine {

/// Why a node cannot take a pod, in the order in which the filters run: the first that fails is the reason.
enum class Reason : uint8_t {
  kNone,  ///< It can.
  kUnschedulable,
  kTaint,  ///< Detail: "{key: value}".
  kNodeSelector,
  kVolumeAffinity,
  kNodeFeatures,  ///< The node does not declare a feature that the pod uses.
  kResidency,
  kTier,
  kProduct,
  kDeviceMemory,
  kNoSharing,  ///< A share was asked for and the node offers only whole devices.
  kReserved,   ///< Kept free for a demand that is to come.
  kHostPorts,
  kDiskConflict,  ///< A pod on the node mounts the same disk.
  kTooManyPods,
  kInsufficient,  ///< Detail: the resource's name.
  kDeviceShare,   ///< No single device has that much of a share left.
  kSpreadMissingLabel,
  kSpread,
  kAffinity,
  kAntiAffinity,
  kExistingAntiAffinity,
  kOutsideDomain,  ///< The node is not in the domain the gang's topology asks for.
};

/// A reason with its detail, cheap to copy: the detail is an interned string of the ClusterState (0 = none).
struct Rejection {
  Reason reason = Reason::kNone;
  uint32_t detail = 0;
  explicit operator bool() const { return reason != Reason::kNone; }
  bool operator==(const Rejection&) const = default;
};

/// kube-scheduler's words where it has some: "Insufficient nvidia.com/gpu",
/// "node(s) had untolerated taint {a: b}", "node(s) didn't match Pod's node affinity/selector".
std::string describe(Reason reason, std::string_view detail);

/// Stable name for conditions and metrics: "InsufficientResource", "UntoleratedTaint".
std::string_view reason_name(Reason reason);

}  // namespace stowage::engine
