#include "gpu-scheduler/engine/scorer.h"

namespace stowage::engine {
namespace {

/// Ten thousandths of a device are one point; a loss is rounded to 1/64 point, so that differences far below
/// what the samples can tell do not override the order of ties.
constexpr int64_t kRounding = 64;

int64_t rounded_loss(int64_t loss) {
  constexpr int64_t kUnit = kPotentialUnit * 10;
  int64_t scaled = loss * kRounding;
  return scaled >= 0 ? (scaled + kUnit / 2) / kUnit : -((-scaled + kUnit / 2) / kUnit);
}

}  // namespace

/// Place where the node's potential falls least. Derivation: docs/design/packability.md.
Choice score_packability(NodeValues& values, const NodeShape& shape, const CompiledClass& pod) {
  int64_t before = values.potential(shape);
  auto score = [&](const NodeShape& after) {
    return -rounded_loss(before - values.potential(after)) * (kPoint / kRounding);
  };
  if (!pod.shares()) return {.score = score(shape.after_whole(pod.device_count, pod.cpu_milli))};
  Choice best;
  for (size_t i = 0; i < shape.devices; ++i) {
    if (shape.free[i] < pod.device_milli || (i > 0 && shape.free[i] == shape.free[i - 1])) continue;
    int64_t value = score(shape.after_share(i, pod.device_milli, pod.cpu_milli));
    if (best.device_free < 0 || value > best.score) best = {value, shape.free[i]};
  }
  return best;
}

}  // namespace stowage::engine
