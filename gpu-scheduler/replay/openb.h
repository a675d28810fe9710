#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/policy.h"
#include "gpu-scheduler/replay/trace.h"

namespace stowage::replay {

struct OpenbOptions {
  engine::Policy policy;
  int32_t window = 0;          ///< Pods held for look-ahead; 0 = each pod is placed as it arrives.
  int32_t move_permyriad = 0;  ///< Moves per 10,000 running pods.
  bool fragmentation = false;  ///< Measure it at each point; needs policy.model.
};

/// One point per whole percent of arrivals.
struct OpenbPoint {
  int32_t arrived_percent = 0;
  double allocated_percent = 0;
  double fragmentation_percent = 0;  ///< Expected fragmentation in % of capacity, when it was asked for.
};

struct OpenbRun {
  int64_t seed = 0;
  double allocation_at_100 = 0;
  double allocation_at_130 = 0;
  int64_t moves = 0;
  int64_t failed = 0;
  double seconds = 0;
  std::vector<OpenbPoint> points;
  std::vector<std::pair<std::string, std::vector<int16_t>>>
      devices;  ///< Free thousandths at the end, by node.
};

/// The experiment of ATC'23 with one seed: pods arrive in order, never leave, are not retried. `progress`
/// gets the share done in percent. Error: kNotFound for a seed that the files lack.
Result<OpenbRun> run_openb(const Trace& trace, int64_t seed, const OpenbOptions& options,
                           const std::function<void(int)>& progress);

}  // namespace stowage::replay
