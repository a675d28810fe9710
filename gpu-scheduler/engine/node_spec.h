#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/constraints.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

/// The accelerators of a node that share one extended resource.
struct AcceleratorSpec {
  std::string resource;      ///< e.g. "nvidia.com/gpu"
  std::string product;       ///< Value of the vendor's product label; empty = unknown.
  int32_t count = 0;         ///< Devices; what the node offers is the smaller of this and allocatable.
  int64_t memory_bytes = 0;  ///< Per device; 0 = unknown (then a request for memory does not match).
  /// True when single devices can be chosen and shared (DRA, a sharing device plugin, simulations). With a
  /// plain device plugin the kubelet picks the device: only whole ones are offered.
  bool shareable = false;
  /// Device group (NVLink island, PCIe switch, NUMA node) per device, index = device; empty = unknown.
  std::vector<int32_t> group;
  bool operator==(const AcceleratorSpec&) const = default;
};

/// What placement needs to know of a node.
struct NodeSpec {
  std::string name;
  Labels labels;
  std::vector<Taint> taints;
  bool unschedulable = false;
  std::vector<std::string> features;  ///< That the kubelet declares.
  Resources allocatable;
  std::vector<AcceleratorSpec> accelerators;
  Tier tier = Tier::kOnDemand;
  /// Models whose weights the node holds, sorted.
  std::vector<std::string> cached_models;
  int64_t price_micro = 0;  ///< Millionths of the currency unit per device-hour; 0 = unknown.
  /// Ties between equal scores go to the lowest rank, then to the first name. Leave 0 but for experiments.
  int32_t tie_rank = 0;
  bool operator==(const NodeSpec&) const = default;
};

}  // namespace stowage::engine
