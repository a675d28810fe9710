#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/reasons.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

/// One pod of the demand on its node.
struct Binding {
  uint32_t part = 0;    ///< Index into Demand::parts.
  uint32_t member = 0;  ///< Index within the part.
  NodeIndex node = kNone;
  uint64_t devices = 0;  ///< Bit = index of the device on the node.
  PodIndex pod = kNone;  ///< The assumed pod in the state; remove_pod(pod) forgets it.
};

struct Victim {
  PodIndex pod = kNone;
  std::string uid;
  std::string name;
  NodeIndex node = kNone;
};

/// Nodes that were rejected for one reason.
struct RejectionCount {
  Rejection rejection;
  std::string text;  ///< describe(): "Insufficient nvidia.com/gpu".
  uint32_t nodes = 0;
  std::string example;  ///< First such node in the order of ties (rank, then name).
};

/// One term of a placement's score, already weighted; higher is better.
struct ScoreTerm {
  std::string name;
  int64_t value = 0;
};

/// Why a demand was placed where it was, or why not.
struct Explanation {
  bool placed = false;
  Reason dominant = Reason::kNone;  ///< The reason that most nodes give (ties: the later filter).
  std::string reason;  ///< reason_name(dominant), or a reason of the gang's: "InsufficientDomain", ...
  uint32_t evaluated = 0;
  uint32_t feasible = 0;               ///< Nodes that can take a pod of the first class that does not fit.
  std::vector<RejectionCount> counts;  ///< Most nodes first.
  /// "0/12 nodes are available: 8 Insufficient nvidia.com/gpu, 4 node(s) didn't match ...", or about a gang:
  /// "1 of 2 pods placed: ..." / "no rack has room for 2 pods: the nearest, r1, for 1".
  std::string message;
  /// For a single class: the node that would do but for what it lacks, and lacks least: devices (a share
  /// counts as its part), then CPU, then memory. Filled by explain() only.
  std::string nearest_node;
  std::string nearest_domain;  ///< The domain that has room for most pods of the gang.
  int64_t nearest_domain_pods = 0;
  std::vector<std::string> would_fit_if;  ///< Each was run and found true. Filled by explain() only.
  std::string domain;                     ///< Domain of a placed gang.
  std::vector<ScoreTerm> score;           ///< Left empty by place(); see explain_placement().
};

/// Never partial: bindings for the whole demand, or none and a reason.
struct Decision {
  std::vector<Binding> bindings;
  std::vector<Victim> evictions;
  Explanation why;
  [[nodiscard]] bool placed() const { return !bindings.empty(); }
};

}  // namespace stowage::engine
