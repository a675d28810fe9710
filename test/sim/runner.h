#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "test/sim/schedule.h"

namespace stowage::sim {

/// What one seed gave, as it travels from a worker to the runner.
struct Verdict {
  uint64_t seed = 0;
  std::vector<Violation> violations;
  std::string story;    ///< What the worker wants told about a failing seed.
  int64_t peak_mb = 0;  ///< The most memory that its worker has held up to then; set by run_seeds.
};

/// Plays seeds `first`..`last` in `jobs` forked processes (each seed in one of them; a schedule knows nothing
/// of the others) and calls `done` for each, in the order in which they end. `play` runs in the worker. A
/// worker that dies is a violation "crash" of the seed it was playing; the others go on.
void run_seeds(uint64_t first, uint64_t last, int jobs, const std::function<Verdict(uint64_t)>& play,
               const std::function<void(const Verdict&)>& done);

}  // namespace stowage::sim
