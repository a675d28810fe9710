#pragma once

#include <cstdint>
#include <map>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/scorer.h"

namespace stowage::engine {

/// How near a node is to the pods of a gang that are placed already: for each topology level that the node
/// carries, the part of them that is in the same domain; the mean of the levels. 0..100 points in kPoint.
class Nearness {
 public:
  void add(const ClusterState& state, NodeIndex node) { count(state, node, 1); }
  void remove(const ClusterState& state, NodeIndex node) { count(state, node, -1); }
  [[nodiscard]] int64_t points(const ClusterState& state, NodeIndex node) const {
    int64_t together = 0;
    int64_t levels = 0;
    for (uint32_t level = 0; level < state.topology_levels().size(); ++level) {
      const DomainId domain = state.domain_of(node, level);
      if (domain == kNone) continue;
      ++levels;
      if (const auto at = in_domain_.find(domain); at != in_domain_.end()) together += at->second;
    }
    return pods_ == 0 || levels == 0 ? 0 : 100 * kPoint * together / (pods_ * levels);
  }
  [[nodiscard]] bool empty() const { return pods_ == 0; }

 private:
  void count(const ClusterState& state, NodeIndex node, int64_t by) {
    pods_ += by;
    for (uint32_t level = 0; level < state.topology_levels().size(); ++level) {
      if (const DomainId domain = state.domain_of(node, level); domain != kNone) in_domain_[domain] += by;
    }
  }

  std::map<DomainId, int64_t> in_domain_;
  int64_t pods_ = 0;
};

}  // namespace stowage::engine
