#pragma once

#include <span>
#include <utility>
#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"

namespace stowage::engine {

/// Where the pods of a gang, or of a part of it, may go: every node, one domain, or a list of nodes.
class Area {
 public:
  /// Every node.
  Area() = default;
  /// The nodes of one domain.
  explicit Area(DomainId domain) : kind_(Kind::kDomain), domain_(domain) {}
  /// These nodes alone, in the order of ties (ClusterState::order_of).
  explicit Area(std::vector<NodeIndex> nodes) : kind_(Kind::kNodes), nodes_(std::move(nodes)) {}

  [[nodiscard]] bool everywhere() const { return kind_ == Kind::kAll; }
  /// kNone unless the area is one domain.
  [[nodiscard]] DomainId domain() const { return domain_; }
  /// In the order of ties; valid until a node is added, removed or updated.
  [[nodiscard]] std::span<const NodeIndex> nodes(const ClusterState& state) const;
  /// O(1), for lists O(log nodes).
  [[nodiscard]] bool has(const ClusterState& state, NodeIndex node) const;

 private:
  enum class Kind : uint8_t { kAll, kDomain, kNodes };
  Kind kind_ = Kind::kAll;
  DomainId domain_ = kNone;
  std::vector<NodeIndex> nodes_;
};

/// The domains of the level, each as far as it lies in the area, with the domain it is part of. Nodes without
/// a domain of the level are in none of them. A domain of a tighter level lies in the one above it.
/// O(domains), for lists O(nodes).
std::vector<std::pair<DomainId, Area>> split(const ClusterState& state, const Area& area, uint32_t level);

}  // namespace stowage::engine
