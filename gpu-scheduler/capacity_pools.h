#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/objects.h"
#include "gpu-scheduler/translate.h"

namespace stowage::scheduler {

/// Which CapacityPool a node belongs to: where several match, the first by name wins. Pure values.
class CapacityPools {
 public:
  using PoolRef = std::shared_ptr<const PoolObject>;
  CapacityPools() = default;
  /// In any order; those without a selector match nothing.
  explicit CapacityPools(std::vector<PoolRef> pools);

  /// Tier and price for the node; nullopt when no pool matches.
  [[nodiscard]] std::optional<NodeCapacity> of(const engine::NodeSpec& node) const;
  /// Name of the pool that the node belongs to; empty when none matches.
  [[nodiscard]] std::string_view winner(const engine::NodeSpec& node) const;
  /// Names of all pools that match the node, sorted.
  [[nodiscard]] std::vector<std::string> matching(const engine::NodeSpec& node) const;
  /// Names of pools that share a node with another one -> the first such other pool.
  [[nodiscard]] std::map<std::string, std::string> overlaps(const engine::ClusterState& state) const;
  [[nodiscard]] const std::vector<PoolRef>& pools() const { return pools_; }

 private:
  std::vector<PoolRef> pools_;
};

}  // namespace stowage::scheduler
