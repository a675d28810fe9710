#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu-scheduler/capacity_pools.h"
#include "gpu-scheduler/cluster_cache.h"
#include "gpu-scheduler/cycle.h"
#include "gpu-scheduler/policies.h"

/// The statuses of SchedulingPolicy and CapacityPool. Pure: what is there goes in, what to write comes out.
namespace stowage::scheduler {

/// Room for 1, 2, 4 and 8 whole devices inside single domains of one level, summed over the level.
struct LevelRoom {
  std::string level;
  int64_t one = 0, two = 0, four = 0, eight = 0;
  bool operator==(const LevelRoom&) const = default;
};
/// From the widest level to the tightest; nodes without a domain of a level do not count there.
std::vector<LevelRoom> shape_capacity(const engine::ClusterState& state);

/// `status` of the policy as JSON text, or nullopt when `object` says the same already. Decisions are added
/// to those that `base` (the status that the first look found) counted.
std::optional<std::string> next_policy_status(const PolicyObject& object, const ActivePolicy& active,
                                              const Cycle::Counts& counts, const std::vector<LevelRoom>& room,
                                              std::string_view base, WallTime now);

/// `status` of the pool as JSON text, or nullopt when it says the same already. `overlap` is the name of
/// another pool that shares a node; empty: none does.
std::optional<std::string> next_pool_status(const PoolObject& pool, const ClusterCache& cache,
                                            const std::string& overlap, WallTime now);

}  // namespace stowage::scheduler
