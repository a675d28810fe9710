#include "gpu-scheduler/engine/topology.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace stowage::engine {

std::vector<TopologyLevel> default_topology_levels() {
  return {
      {"region", {"topology.kubernetes.io/region"}},
      {"zone", {"topology.kubernetes.io/zone"}},
      {"block",
       {"stowage.dev/block", "topology.stowage.dev/block", "cloud.google.com/gce-topology-block",
        "topology.k8s.aws/network-node-layer-2", "network.topology.nvidia.com/spine",
        "fabric.topograph.run/tier-1", "topology.kubernetes.io/block"}},
      {"rack",
       {"stowage.dev/rack", "topology.stowage.dev/rack", "cloud.google.com/gce-topology-subblock",
        "topology.k8s.aws/network-node-layer-3", "network.topology.nvidia.com/leaf",
        "fabric.topograph.run/tier-0", "topology.kubernetes.io/rack"}},
      {"nvlink",
       {"nvidia.com/gpu.clique", "topology.k8s.aws/ultraserver-id", "accelerator.topograph.run/domain",
        "network.topology.nvidia.com/accelerator"}},
      {"host", {"kubernetes.io/hostname"}},
  };
}

Result<void> validate_topology_levels(std::span<const TopologyLevel> levels) {
  constexpr size_t kMaxLevels = 16;
  if (levels.size() > kMaxLevels) {
    return fail(Code::kInvalidArgument, fmt::format("topologyLevels: {} levels, at most 16", levels.size()));
  }
  std::set<std::string_view> names;
  std::map<std::string_view, std::string_view> level_of;
  for (const auto& level : levels) {
    if (level.name.empty()) return fail(Code::kInvalidArgument, "topologyLevels: a level has no name");
    if (!names.insert(level.name).second) {
      return fail(Code::kInvalidArgument, fmt::format("topologyLevels: \"{}\" stands twice", level.name));
    }
    if (level.labels.empty()) {
      return fail(Code::kInvalidArgument, fmt::format("topologyLevels.{}: names no node label", level.name));
    }
    for (const auto& label : level.labels) {
      const auto [known, added] = level_of.emplace(label, level.name);
      if (added) continue;
      return fail(
          Code::kInvalidArgument,
          fmt::format("topologyLevels.{}: label \"{}\" stands for level {} already: one domain cannot be "
                      "of two levels",
                      level.name, label, known->second));
    }
  }
  return {};
}

}  // namespace stowage::engine
