#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

/// One level of the network, e.g. "rack". The first label of `labels` that a node carries names its domain.
struct TopologyLevel {
  std::string name;
  std::vector<std::string> labels;
  bool operator==(const TopologyLevel&) const = default;
};

/// From wide to tight: region, zone, block, rack, nvlink, host, with the label names of clouds, Topograph and
/// GPU feature discovery.
std::vector<TopologyLevel> default_topology_levels();

/// Names unique and not empty, at least one label each and no label twice (levels that contain each other
/// have no order), at most 16 levels. Error: kInvalidArgument naming the level.
Result<void> validate_topology_levels(std::span<const TopologyLevel> levels);

/// One domain of the tree. A domain is identified by its path: rack "r1" of zone "a" is not rack "r1" of zone
/// "b".
struct Domain {
  uint32_t level = 0;
  std::string name;              ///< The label's value.
  DomainId parent = kNone;       ///< Domain of the nearest wider level that its nodes carry.
  std::vector<NodeIndex> nodes;  ///< Members, in the order of ties (rank, name).
};

}  // namespace stowage::engine
