#pragma once

#include <cstdint>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/interner.h"
#include "gpu-scheduler/engine/node_value.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {

/// One point of a strategy's 0..100 scale. Scores are integers in this unit, so that they are the same
/// everywhere.
inline constexpr int64_t kPoint = 1024;

/// The best way to put one pod on one node.
struct Choice {
  int64_t score = 0;  ///< Higher is better; without weights.
  int32_t device_free =
      -1;  ///< For a share: the free thousandths of the device to take (the first such device).
};

/// Largest node of a cluster, by which BestFit and Spread measure what is left.
struct ClusterScale {
  int64_t cpu_milli = 1;
  int64_t device_milli = 1;
  int64_t price_micro = 1;
};

/// The pool that a class takes devices from (or, for a CPU-only class, the node's first); nullptr when none.
const DevicePool* pool_for(const NodeRow& row, const CompiledClass& pod);
/// Shape of the node as the strategies see it.
NodeShape shape_of(const ClusterState& state, const NodeRow& row, const DevicePool* pool,
                   const DemandModel& model);

// The strategies, one small file each. The pod fits the node.
Choice score_best_fit(const NodeRow& row, const DevicePool* pool, const CompiledClass& pod,
                      const ClusterScale& scale);
Choice score_spread(const NodeRow& row, const DevicePool* pool, const CompiledClass& pod,
                    const ClusterScale& scale);
/// `before`: expected fragmentation of `shape`.
Choice score_fgd(NodeValues& values, const NodeRow& row, const DevicePool* pool, const NodeShape& shape,
                 int64_t before, const CompiledClass& pod);
Choice score_packability(NodeValues& values, const NodeShape& shape, const CompiledClass& pod);

}  // namespace stowage::engine
