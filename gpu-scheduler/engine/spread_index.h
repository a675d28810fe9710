#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

struct RunningPod;

/// Which gangs of one spread key run where: kept with every change of pods, so that a decision looks at the
/// gangs of its own key alone. Copies share the entries until one of them writes.
class SpreadIndex {
 public:
  using Nodes = std::map<NodeIndex, int32_t>;               ///< Pods of one gang by node.
  using Gangs = std::map<std::string, Nodes, std::less<>>;  ///< By gang; a pod without one stands alone.

  /// The pod now runs (+1) or no longer does (-1). Pods without a key, and those that are being deleted, are
  /// not counted.
  void pod_changed(PodIndex index, const RunningPod& pod, int32_t delta);
  /// Null when no pod has the key.
  [[nodiscard]] const Gangs* gangs(std::string_view key) const;
  [[nodiscard]] bool operator==(const SpreadIndex& other) const;

 private:
  std::map<std::string, std::shared_ptr<Gangs>, std::less<>> by_key_;
};

}  // namespace stowage::engine
