#include "gpu-scheduler/engine/reasons.h"

#include <fmt/format.h>

#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

std::string_view to_string(Tier tier) {
  switch (tier) {
    case Tier::kOnDemand:
      return "OnDemand";
    case Tier::kReserved:
      return "Reserved";
    case Tier::kSpot:
      return "Spot";
  }
  return "";
}

std::string describe(Reason reason, std::string_view detail) {
  switch (reason) {
    case Reason::kNone:
      return "";
    case Reason::kUnschedulable:
      return "node(s) were unschedulable";
    case Reason::kTaint:
      return fmt::format("node(s) had untolerated taint {}", detail);
    case Reason::kNodeSelector:
      return "node(s) didn't match Pod's node affinity/selector";
    case Reason::kVolumeAffinity:
      return "node(s) had volume node affinity conflict";
    case Reason::kResidency:
      return "node(s) outside the permitted regions or zones";
    case Reason::kTier:
      return "node(s) of a capacity tier that is not permitted";
    case Reason::kProduct:
      return "node(s) without a permitted accelerator product";
    case Reason::kDeviceMemory:
      return "node(s) with too little memory per device";
    case Reason::kNoSharing:
      return "node(s) that do not share devices";
    case Reason::kReserved:
      return "node(s) reserved for other pods";
    case Reason::kHostPorts:
      return "node(s) didn't have free ports for the requested pod ports";
    case Reason::kNodeFeatures:
      return "node(s) didn't match Pod's required features";
    case Reason::kDiskConflict:
      return "node(s) had no available disk";
    case Reason::kTooManyPods:
      return "Too many pods";
    case Reason::kInsufficient:
      return fmt::format("Insufficient {}", detail);
    case Reason::kDeviceShare:
      return "node(s) without a device that has the share free";
    case Reason::kSpreadMissingLabel:
      return "node(s) didn't match pod topology spread constraints (missing required label)";
    case Reason::kSpread:
      return "node(s) didn't match pod topology spread constraints";
    case Reason::kAffinity:
      return "node(s) didn't match pod affinity rules";
    case Reason::kAntiAffinity:
      return "node(s) didn't match pod anti-affinity rules";
    case Reason::kExistingAntiAffinity:
      return "node(s) didn't satisfy existing pods anti-affinity rules";
    case Reason::kOutsideDomain:
      return "node(s) outside the domain of the gang";
  }
  return "";
}

std::string_view reason_name(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "";
    case Reason::kUnschedulable:
      return "NodeUnschedulable";
    case Reason::kTaint:
      return "UntoleratedTaint";
    case Reason::kNodeSelector:
      return "NodeAffinity";
    case Reason::kVolumeAffinity:
      return "VolumeNodeAffinity";
    case Reason::kResidency:
      return "Residency";
    case Reason::kTier:
      return "TierNotPermitted";
    case Reason::kProduct:
      return "ProductNotPermitted";
    case Reason::kDeviceMemory:
      return "InsufficientDeviceMemory";
    case Reason::kNoSharing:
      return "SharingNotSupported";
    case Reason::kReserved:
      return "Reserved";
    case Reason::kHostPorts:
      return "HostPortConflict";
    case Reason::kNodeFeatures:
      return "NodeFeatures";
    case Reason::kDiskConflict:
      return "DiskConflict";
    case Reason::kTooManyPods:
      return "TooManyPods";
    case Reason::kInsufficient:
      return "InsufficientResource";
    case Reason::kDeviceShare:
      return "InsufficientDeviceShare";
    case Reason::kSpreadMissingLabel:
      return "TopologySpreadMissingLabel";
    case Reason::kSpread:
      return "TopologySpread";
    case Reason::kAffinity:
      return "PodAffinity";
    case Reason::kAntiAffinity:
      return "PodAntiAffinity";
    case Reason::kExistingAntiAffinity:
      return "ExistingPodAntiAffinity";
    case Reason::kOutsideDomain:
      return "OutsideDomain";
  }
  return "";
}

}  // namespace stowage::engine
