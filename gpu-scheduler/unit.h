#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gpu-scheduler/cluster_cache.h"
#include "gpu-scheduler/engine/demand.h"
#include "gpu-scheduler/queue.h"

/// From the pods of a unit to a demand of the engine, or to the reason why there is none. Pure.
namespace stowage::scheduler {

/// A unit that can be tried now.
struct ReadyUnit {
  engine::Demand demand;
  std::string policy;
  /// Claims that must be told the node and be Bound before the pod is bound, by the pod's UID.
  std::map<std::string, std::vector<std::string>, std::less<>> claims;
  EventMask helps = 0;  ///< What can help if it does not fit.
};

/// A unit that cannot be tried now, and what people should read about it.
struct HeldUnit {
  std::string reason;  ///< InvalidGroup, WaitingForMembers, SchedulingGated, UnsupportedResourceClaims, ...
  std::string message;
  EventMask helps = 0;  ///< 0: only a change of its own pods.
  bool quiet = false;   ///< Nothing to tell: gated pods, as kube-scheduler leaves them.
};

/// Nothing of the unit waits.
struct SettledUnit {};

using Unit = std::variant<ReadyUnit, HeldUnit, SettledUnit>;

/// Collects and validates the members: namespace, controller and group are equal by the key; sizes, topology,
/// spread and policy must agree; missing members are waited for; surplus ones make the group invalid; members
/// that are placed already are joined by the rest.
Unit read_unit(ClusterCache& cache, const std::string& unit);

/// Rank in the queue: highest priority and oldest of the waiting members.
QueueRank rank_unit(const ClusterCache& cache, const std::string& unit);

/// Waiting members, by rank, then name: the order of bindings and of reports.
std::vector<PodRef> waiting_members(const ClusterCache& cache, std::string_view unit);

}  // namespace stowage::scheduler
