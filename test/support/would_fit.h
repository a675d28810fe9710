#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gpu-scheduler/engine/place.h"

/// Takes the sentences of Explanation::would_fit_if at their word.
namespace stowage::engine::test {

/// A world in which a sentence has come true.
struct Granted {
  ClusterState state;
  Demand demand;
};

/// Does what one sentence says, and nothing else, to a fork of the state and a copy of the demand. nullopt
/// for a sentence that is not understood.
std::optional<Granted> grant(const ClusterState& state, const Demand& demand, std::string_view sentence);

/// Empty, or what is wrong with the explanation's sentences: one that is not understood, or with which the
/// demand still does not fit.
std::string false_promise(const ClusterState& state, const Demand& demand, const Policy& policy,
                          const Explanation& why);

}  // namespace stowage::engine::test
