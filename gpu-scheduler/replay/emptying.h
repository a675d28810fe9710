#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/policy.h"
#include "gpu-scheduler/replay/wait_queue.h"

namespace stowage::replay {

/// Empties up to four nodes for waiting pods of two or more GPUs: the node's room is reserved, its pods move
/// to holes elsewhere as they open, largest first. Make-before-break: a pod holds its new place before it
/// leaves the old one.
class Emptying {
 public:
  Emptying(engine::ClusterState& state, const engine::Policy& policy) : state_(state), policy_(policy) {}

  struct Ready {
    Waiting waiting;
    engine::NodeIndex node;
  };

  void started(engine::PodIndex pod, uint64_t run);
  /// Where the run's pod is now; forgets the run.
  engine::PodIndex finished(uint64_t run);
  [[nodiscard]] bool is_target(engine::NodeIndex node) const;
  [[nodiscard]] int64_t moves() const { return moves_; }

  /// Gives each waiting pod a target while there are fewer than four; drops targets whose pod no longer
  /// waits.
  void choose_targets(const std::vector<Waiting>& waiting, const std::vector<engine::ClassId>& classes);
  /// Moves pods off the targets: to `hole`, or (kNone) anywhere. Within 2 % of the placements so far.
  void move_pods(engine::NodeIndex hole, int64_t placements);
  /// Targets whose pod fits now; their rooms are no longer reserved.
  std::vector<Ready> take_ready(const std::vector<engine::ClassId>& classes);

 private:
  struct Target {
    engine::NodeIndex node;
    Waiting waiting;
    bool fresh = true;
  };
  std::optional<engine::NodeIndex> cheapest(engine::ClassId pod);
  bool move_to(engine::PodIndex pod, engine::NodeIndex node);

  engine::ClusterState& state_;
  const engine::Policy& policy_;
  std::vector<Target> targets_;
  std::unordered_map<engine::PodIndex, uint64_t> run_of_;
  std::unordered_map<uint64_t, engine::PodIndex> pod_of_;
  int64_t moves_ = 0;
  int64_t limit_permyriad_ = 200;
};

}  // namespace stowage::replay
