#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/replay/trace.h"

namespace stowage::replay {

/// A pod that did not fit when it arrived.
struct Waiting {
  uint32_t pod = 0;  ///< Index into the trace's pods.
  double since = 0;
  bool measured = false;
  uint64_t ticket = 0;  ///< Grows with arrival.
};

/// Pods that wait, by class, so that a hole is offered in O(classes) and not in O(pods).
class WaitQueue {
 public:
  WaitQueue(const Trace& trace, const std::vector<engine::ClassId>& classes);
  void push(const Waiting& waiting);
  void erase(const Waiting& waiting);
  [[nodiscard]] bool empty() const { return by_ticket_.empty(); }
  [[nodiscard]] size_t size() const { return by_ticket_.size(); }
  /// Takes the pod that gets a hole on the node: the oldest that fits; with `window` the largest that fits of
  /// the oldest 60 first.
  std::optional<Waiting> take_for(engine::ClusterState& state, engine::NodeIndex node, bool window);
  /// Waiting pods of two or more GPUs, oldest first, at most 16.
  [[nodiscard]] std::vector<Waiting> multi_gpu() const;

 private:
  bool fits(engine::ClusterState& state, engine::ClassId pod, engine::NodeIndex node);

  const Trace& trace_;
  const std::vector<engine::ClassId>& classes_;
  std::map<uint64_t, Waiting> by_ticket_;
  std::map<engine::ClassId, std::map<uint64_t, uint32_t>> by_class_;
  std::map<uint64_t, Waiting> multi_;
};

}  // namespace stowage::replay
