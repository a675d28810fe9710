#pragma once

#include <cstdint>

#include "gpu-scheduler/engine/scorer.h"

namespace stowage::engine {

/// Terms of a score that follow from the node's object and the class alone: weighted, in kPoint, higher is
/// better.
struct NodeTerms {
  int64_t cost = 0;              ///< Of the policy: minus its price as a part of the dearest node's.
  int64_t weights_locality = 0;  ///< Of the policy: the node holds the weights of the class's model.
  int64_t tier = 0;              ///< Minus 100 points a place in the class's order of tiers.
  int64_t product = 0;           ///< Minus 50 points a place in its order of products.
  int64_t node_affinity = 0;     ///< Preferred node affinity, 100 points when every term matches.
  int64_t taints = 0;            ///< Minus 25 points for each PreferNoSchedule not tolerated, at most four.

  [[nodiscard]] int64_t sum() const {
    return cost + weights_locality + tier + product + node_affinity + taints;
  }
};

NodeTerms node_terms(const NodeRow& row, const CompiledClass& pod, const Policy& policy,
                     const ClusterScale& scale);

}  // namespace stowage::engine
