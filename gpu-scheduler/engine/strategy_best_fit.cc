#include <algorithm>

#include "gpu-scheduler/engine/scorer.h"

namespace stowage::engine {
namespace {

struct Left {
  int64_t cpu_milli;
  int64_t device_milli;
};

Left left_after(const NodeRow& row, const DevicePool* pool, const CompiledClass& pod) {
  int64_t devices = 0;
  if (pool) {
    for (size_t i = pool->first; i < size_t{pool->first} + pool->count; ++i)
      devices += row.device_free[i];
  }
  return {row.free_cpu_milli - pod.cpu_milli, devices - pod.device_demand()};
}

/// Hundred parts of the largest node that would be left, CPU and devices half each; a fraction `over`
/// `under`.
struct Fraction {
  __int128 over;
  __int128 under;
};

Fraction left_fraction(const Left& left, const ClusterScale& scale) {
  __int128 cpu = scale.cpu_milli;
  __int128 device = scale.device_milli;
  return {__int128{50} * left.cpu_milli * device + __int128{50} * left.device_milli * cpu, cpu * device};
}

int64_t floor_div(__int128 over, __int128 under) {
  __int128 quotient = over / under;
  if (over % under < 0) --quotient;
  // Only a node that foreign pods oversubscribe many times over is further off.
  constexpr __int128 kMost = __int128{1} << 40;
  return static_cast<int64_t>(std::clamp(quotient, -kMost, kMost));
}

}  // namespace

/// ATC'23's BestFit: int(100 (1 - 0.5 cpu left / largest cpu - 0.5 devices left / most devices)).
Choice score_best_fit(const NodeRow& row, const DevicePool* pool, const CompiledClass& pod,
                      const ClusterScale& scale) {
  auto left = left_fraction(left_after(row, pool, pod), scale);
  Choice out{.score = kPoint * floor_div(100 * left.under - left.over, left.under)};
  if (!pod.shares() || !pool) return out;
  for (size_t i = pool->first; i < size_t{pool->first} + pool->count; ++i) {
    int32_t free = row.device_free[i];
    if (free >= pod.device_milli && (out.device_free < 0 || free < out.device_free)) out.device_free = free;
  }
  return out;
}

/// The opposite: most room left wins, shares go to the emptiest device.
Choice score_spread(const NodeRow& row, const DevicePool* pool, const CompiledClass& pod,
                    const ClusterScale& scale) {
  auto left = left_fraction(left_after(row, pool, pod), scale);
  Choice out{.score = kPoint * floor_div(left.over, left.under)};
  if (!pod.shares() || !pool) return out;
  for (size_t i = pool->first; i < size_t{pool->first} + pool->count; ++i) {
    out.device_free = std::max<int32_t>(out.device_free, row.device_free[i]);
  }
  return out;
}

}  // namespace stowage::engine
