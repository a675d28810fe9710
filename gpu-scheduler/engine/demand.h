#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

/// How close the pods of a gang or of a part of it must be.
struct TopologyRequest {
  enum class Mode : uint8_t { kNone, kPreferred, kRequired };
  Mode mode = Mode::kNone;
  std::string level;  ///< A level of the state's topology.
};

/// How far apart gangs with the same spread key must be, counted in gangs: a gang goes only to domains of the
/// level that then hold at most `max_skew` gangs more than the emptiest one that could hold it (by its nodes'
/// objects and sizes, whatever runs there). Nodes without the level's label take none. A gang counts in every
/// domain that has a pod of it, and goes into one where it can.
struct SpreadRequest {
  std::string level;     ///< Empty: no spreading.
  int32_t max_skew = 1;  ///< At least 1.
};

/// Identity of one pod of a demand; carried into the running pod.
struct MemberId {
  std::string uid;
  std::string name;
};

/// `count` interchangeable pods.
struct DemandPart {
  ClassId pod_class = kNone;
  int32_t count = 1;
  std::vector<MemberId> members;  ///< Empty, or `count` entries in the order of bindings.
  int32_t subgroup = 0;           ///< Index into Demand::subgroups; ignored when there are none.
};

/// A set of parts with a topology of its own inside the gang's (e.g. each pipeline stage in one NVLink
/// domain).
struct Subgroup {
  TopologyRequest topology;
};

/// One gang, or a single pod (one part with count 1): placed whole or not at all.
struct Demand {
  std::string name;  ///< For reasons and ties, e.g. "namespace/group".
  std::vector<DemandPart> parts;
  std::vector<Subgroup> subgroups;
  TopologyRequest topology;
  SpreadRequest spread;
  std::string spread_key;
  int32_t priority = 0;
  bool may_preempt = true;
  int64_t arrival = 0;               ///< Any monotonic number; older first in windows.
  std::vector<std::string> budgets;  ///< Carried into the running pods.
  bool movable = true;               ///< Carried into the running pods.
  /// Carried into the running pods. For a demand that was a victim before: now + policy.cooldown_seconds.
  int64_t protected_until = 0;
  /// Nodes of members that are bound already: with a required level the rest joins their domain.
  std::vector<NodeIndex> joined;

  [[nodiscard]] int64_t pod_count() const {
    int64_t sum = 0;
    for (const auto& part : parts)
      sum += part.count;
    return sum;
  }
};

}  // namespace stowage::engine
