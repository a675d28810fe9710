#pragma once

#include <cstdint>
#include <set>

#include "base/result.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/demand.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {
struct CompiledClass;
struct MovePlan;
}  // namespace stowage::engine

namespace stowage::replay {

/// How openb spends its moves (docs/design/packability.md, "Moves"). Two rules, both only while moves are
/// left:
/// 1. small shares open idle devices while few are idle: less room is left for shares that waste a device,
///    and a whole device is one move away;
/// 2. a demand that does not fit gets room by one move when the cluster loses little more than the demand is
///    worth.
/// Pods never leave the state: what got no room once gets none until something moved.
class OpenbMoves {
 public:
  /// `permyriad`: moves per 10,000 running pods, over the whole run.
  OpenbMoves(engine::ClusterState& state, const engine::Policy& policy, int32_t permyriad);

  /// Rule 1. True: the pod was placed.
  bool place_apart(engine::ClassId pod);
  /// Rule 2, for a demand of one pod that does not fit. True: it was placed. Error: a plan of the engine that
  /// cannot be carried out (kInternal).
  Result<bool> make_room(const engine::Demand& demand);
  [[nodiscard]] int64_t made() const { return made_; }

 private:
  [[nodiscard]] bool worth_it(const engine::MovePlan& plan, const engine::CompiledClass& pod) const;
  [[nodiscard]] int64_t left() const;
  [[nodiscard]] int64_t idle_devices() const;

  engine::ClusterState& state_;
  const engine::Policy& policy_;
  int32_t permyriad_;
  bool opens_ = false;
  int64_t made_ = 0;
  std::set<engine::ClassId> hopeless_;
};

}  // namespace stowage::replay
