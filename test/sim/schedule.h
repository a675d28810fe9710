#pragma once

#include <string>
#include <vector>

#include "test/sim/ground.h"
#include "test/sim/sim_world.h"

namespace stowage::sim {

struct Outcome {
  uint64_t seed = 0;
  std::vector<Violation> violations;
  std::vector<Fault> faults;
  size_t writes = 0;
  std::string logs;  ///< Only of a run with violations, or where it was asked for (SimOptions::digest).
};

/// Plays the schedule of one seed: a small cluster, a few models, a minute or two of faults and users'
/// changes, then calm: everything must converge, and then be silent.
Outcome play(const SimOptions& options, const Ground& ground);

/// Switches faults of a failing schedule off, halves first (Zeller's ddmin), while it still breaks the same
/// invariant. Result: the faults that are left.
std::vector<Fault> shrink(SimOptions options, const Ground& ground, const Outcome& failing, int most_runs);

}  // namespace stowage::sim
