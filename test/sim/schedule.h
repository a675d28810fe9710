#pragma once

#include <string>
#include <vector>

#include "test/sim/sim_world.h"

namespace stowage::sim {

struct Outcome {
  uint64_t seed = 0;
  std::vector<Violation> violations;
  std::vector<Fault> faults;
  size_t writes = 0;
  std::string logs;  ///< Only of a run with violations.
};

/// Plays the schedule of one seed: a small cluster, a few models, a minute or two of faults and users'
/// changes, then calm: everything must converge, and then be silent.
Outcome play(const SimOptions& options, const std::vector<Role>& roles,
             const std::vector<std::string>& manifests);

/// Switches faults of a failing seed off, halves first (Zeller's ddmin), while it still breaks the same
/// invariant. Result: the numbers of the faults that are left.
std::vector<size_t> shrink(SimOptions options, const std::vector<Role>& roles,
                           const std::vector<std::string>& manifests, const Outcome& failing, int most_runs);

}  // namespace stowage::sim
