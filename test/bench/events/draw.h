#pragma once

#include <string>

#include "base/random.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/demand.h"
#include "gpu-scheduler/engine/node_spec.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine::events {

/// Random nodes, demands and policies of small worlds. Few values of everything, so that rules meet.
/// Everything follows from the seed.
class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}

  uint64_t below(uint64_t bound) { return random_.below(bound); }
  bool one_in(uint64_t n) { return random_.below(n) == 0; }

  NodeSpec node(uint64_t number);
  /// Another object for the node: taints and cordon change, room and labels stay.
  NodeSpec changed(NodeSpec node);
  Policy policy();
  /// One to four pods of one class, or a gang of several classes, with or without rules.
  Demand demand(ClusterState& state, std::string name);

 private:
  PodClass pod();
  void add_rules(PodClass& pod);
  PodAffinityTerm term();
  TopologyRequest topology();
  std::string key();

  Random random_;
};

}  // namespace stowage::engine::events
