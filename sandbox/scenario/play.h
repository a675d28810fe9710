#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "sandbox/scenario/scenario.h"
#include "sandbox/scenario/timeline.h"

namespace stowage::sandbox {

/// Plays a scenario from its start to its end or to the first step that fails; the same scenario and seed
/// tell the same story. Error: kInvalidArgument, "file:line: what was expected and what is".
Result<void> play(const Scenario& scenario, uint64_t seed, const std::string& profiles_folder,
                  Timeline::Tell tell);

}  // namespace stowage::sandbox
