#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/work_budget.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/decision.h"
#include "gpu-scheduler/engine/demand.h"
#include "gpu-scheduler/engine/policy.h"

namespace stowage::engine {

/// Explanation::reason of a demand that waits.
inline constexpr std::string_view kHeld = "Held";

/// What may wait for a better place, on the scale of Demand::arrival (seconds, arrivals, ...).
struct Window {
  int64_t now = 0;
  /// A demand that arrived less than this before `now` may be held; 0: nothing is held.
  int64_t hold = 0;
};

/// Looks at the demands together before it commits one. One decision per demand, in the order given.
///
/// 1. What may not wait is placed as place() does: higher priority first, then largest first (devices, then
///    cpu), equal ones oldest first. Only a single pod that asks for a share of a device and that no rule
///    between pods concerns may wait, and only while it is younger than `window.hold`.
/// 2. Of the rest, the one that gains most goes first, again and again, while there is one that gains: its
///    best place is on a device in use, and (Packability) the node loses no more potential there than the
///    share is worth: what it takes, typical pods could not have used. The others are held: not placed,
///    reason kHeld. They ask again later.
///
/// A held share may find its place taken when it is due; whoever cannot afford that leaves `hold` 0. An
/// invalid demand is not placed and says why. The budget counts nodes looked at, as in place().
/// Errors: kInvalidArgument for a negative `hold`; nothing was placed then.
/// Complexity: each share placed in step 2 looks at every class held: O(classes x products).
Result<std::vector<Decision>> place_window(ClusterState& state, std::span<const Demand> demands,
                                           const Policy& policy, const Window& window, WorkBudget& budget);

}  // namespace stowage::engine
