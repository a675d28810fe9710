#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/policy.h"
#include "gpu-scheduler/replay/trace.h"

namespace stowage::replay {

/// Who is offered a hole: the oldest first; or the largest of the oldest 60 first and nodes emptied by moves.
enum class QueueRule : uint8_t { kFifo, kWindowMoves };

struct DynamicOptions {
  engine::Policy policy;
  double load = 0.97;  ///< Offered GPU time as a part of capacity, 0..2.
  QueueRule rule = QueueRule::kFifo;
  bool series = false;  ///< Fill DynamicRun::points, devices and the percentiles of waits.
  /// Gets the share of the 8 hours that has passed, in percent; may be empty.
  std::function<void(int)> progress;
};

/// The cluster every five minutes up to the last measured arrival.
struct DynamicPoint {
  double hours = 0;
  double allocated_percent = 0;
  double fragmentation_percent = 0;  ///< Expected fragmentation in % of capacity.
};

struct SizeWaits {
  double mean_s = 0;
  double p99_s = 0;
  int64_t pods = 0;
  std::vector<double> percentiles_s;  ///< 0 to 100, when a series was asked for and there are pods.
};

inline constexpr std::array<std::string_view, 5> kSizeNames = {"shared", "1", "2", "4", "8"};

struct DynamicRun {
  int64_t seed = 0;
  double gpu_weighted_wait_s = 0;
  double longest_wait_s = 0;
  double delivered_percent = 0;
  double moves_percent = 0;
  std::array<SizeWaits, kSizeNames.size()> by_size;
  int64_t never_placed = 0;  ///< Fit on no node even when it is empty.
  std::vector<DynamicPoint> points;
  /// Free thousandths by node when the last measured pod arrives.
  std::vector<std::pair<std::string, std::vector<int16_t>>> devices;
};

/// The typical demand of a trace with times: all groups of equal demand, weighted by summed lifetime.
std::vector<engine::TypicalPod> demand_by_lifetime(const Trace& trace);

/// The dynamic experiment: pods arrive by a Poisson process, wait when they do not fit, run for their
/// lifetime, and leave. 4 h of warm-up, arrivals of the next 4 h are measured, then the queue drains. Errors:
/// kInvalidArgument when the list has no times, or the load is outside (0, 2].
Result<DynamicRun> run_dynamic(const Trace& trace, int64_t seed, const DynamicOptions& options);

}  // namespace stowage::replay
