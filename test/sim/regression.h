#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "test/sim/schedule.h"

namespace stowage::sim {

/// Writes `<folder>/<invariant>-seed-<n>.json`: the seed, the faults that stay on, and what they broke.
/// Result: the path. Error: kUnavailable.
Result<std::string> save_regression(const std::string& folder, const SimOptions& options,
                                    const Outcome& outcome, const std::vector<Fault>& kept);

/// The options that play a stored schedule again. Errors: kNotFound, kMalformed.
Result<SimOptions> load_regression(const std::string& path);

}  // namespace stowage::sim
