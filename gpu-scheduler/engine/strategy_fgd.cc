#include <algorithm>
#include <array>
#include <cmath>

#include "gpu-scheduler/engine/scorer.h"

namespace stowage::engine {
namespace {

/// int(100 sigmoid(gain / 1000)) by thresholds: the rounding to whole points is part of the published policy.
int64_t sigmoid_points(int64_t gain) {
  static const auto kThresholds = [] {
    std::array<int64_t, 99> out{};
    for (int k = 1; k < 100; ++k) {
      double x = std::log(k / (100.0 - k)) * kWholeDevice * static_cast<double>(DemandModel::kWeightSum);
      out[static_cast<size_t>(k - 1)] = static_cast<int64_t>(std::ceil(x));
    }
    out[49] = 0;
    return out;
  }();
  return std::upper_bound(kThresholds.begin(), kThresholds.end(), gain) - kThresholds.begin();
}

}  // namespace

/// Fragmentation gradient descent (Weng et al., ATC'23): place where the expected fragmentation grows least.
/// Equal points go to the first device, as in the published policy.
Choice score_fgd(NodeValues& values, const NodeRow& row, const DevicePool* pool, const NodeShape& shape,
                 int64_t before, const CompiledClass& pod) {
  auto points = [&](const NodeShape& after) {
    return kPoint * sigmoid_points(before - values.fragmentation(after));
  };
  if (!pod.shares() || !pool) return {.score = points(shape.after_whole(pod.device_count, pod.cpu_milli))};
  Choice best{.score = -1};
  uint64_t seen = 0;  // Positions in the sorted shape that were tried.
  for (size_t i = pool->first; i < size_t{pool->first} + pool->count; ++i) {
    int16_t free = row.device_free[i];
    if (free < pod.device_milli) continue;
    const auto* begin = shape.free.data();
    auto position = static_cast<size_t>(std::lower_bound(begin, begin + shape.devices, free) - begin);
    if ((seen >> position & 1) != 0) continue;
    seen |= uint64_t{1} << position;
    int64_t score = points(shape.after_share(position, pod.device_milli, pod.cpu_milli));
    if (score > best.score) best = {score, free};
  }
  return best;
}

}  // namespace stowage::engine
