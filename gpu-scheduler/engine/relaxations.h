#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/demand.h"

/// Ways in which a demand could ask for less. A sentence completes "would fit if ..." and holds for the whole
/// demand: every pod of it asks for that much less.
namespace stowage::engine {

struct Relaxation {
  std::string sentence;
  /// The demand that asks for less; nullopt when that changes nothing.
  std::function<std::optional<Demand>(ClusterState&, const Demand&)> apply;
};

/// All of them, in the order in which people read them. Independent of the state.
std::vector<Relaxation> relaxations_of(const Demand& demand);

/// Several at once, in order; nullopt when one of them changes nothing.
std::optional<Demand> relax(ClusterState& state, const Demand& demand, const std::vector<Relaxation>& all);

/// "a, and b, and c".
std::string sentence_of(const std::vector<Relaxation>& all);

}  // namespace stowage::engine
