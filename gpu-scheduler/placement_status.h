#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "gpu-scheduler/cluster_cache.h"
#include "gpu-scheduler/cycle.h"

namespace stowage::scheduler {

/// One replica of a deployment, as its status tells it.
struct ReplicaPlacement {
  int64_t replica = 0;
  // Placed: every pod is bound.
  bool placed = false;
  std::vector<std::string> nodes;  ///< In order of rank.
  int64_t devices = 0;
  std::string domain;
  std::string tier;
  int64_t score = 0;
  // Waiting:
  const Pending* pending = nullptr;  ///< Null while it was not tried yet or its binds are on the way.
  std::string wants;                 ///< "2x8 NVIDIA-H100 in one rack".
};

/// What a deployment's replicas look like now, in order of replica. `owner` is the ModelDeployment's UID.
std::vector<ReplicaPlacement> read_replicas(const ClusterCache& cache, const Cycle& cycle,
                                            std::string_view owner);

/// `status.placement` for them.
struct PlacementStatus {
  std::string json;  ///< The value of status.placement.
  std::string
      signature;  ///< Changes when a rewrite must not wait: placements, replicas, reasons, generation.
};
/// `live` is what the object says now (JSON text or empty): scores of replicas that have not moved are kept.
PlacementStatus build_placement(int64_t generation, const std::vector<ReplicaPlacement>& replicas,
                                std::string_view live);

/// Of the JSON value, whatever the order of keys; of the text where that is no JSON.
size_t json_hash(std::string_view text);

}  // namespace stowage::scheduler
