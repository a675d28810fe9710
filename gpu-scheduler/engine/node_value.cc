#include "gpu-scheduler/engine/node_value.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace stowage::engine {
namespace {

/// Shapes kept before starting over: about 200 MB at the most.
constexpr size_t kMaxShapes = 1 << 20;

/// What an idle device is worth beyond its price, in 1/kPriceUnit: prefers to fill devices that are open
/// already.
constexpr int32_t kIdleBonus = 41;

}  // namespace

void NodeShape::sort() {
  std::sort(free.begin(), free.begin() + devices);
}

NodeShape NodeShape::after_share(size_t position, int32_t milli, int64_t cpu) const {
  NodeShape out = *this;
  out.cpu_milli -= cpu;
  auto left = static_cast<int16_t>(out.free[position] - milli);
  for (; position > 0 && out.free[position - 1] > left; --position)
    out.free[position] = out.free[position - 1];
  out.free[position] = left;
  return out;
}

NodeShape NodeShape::after_whole(int32_t count, int64_t cpu) const {
  NodeShape out = *this;
  out.cpu_milli -= cpu;
  auto begin = out.free.begin();
  auto taken = std::min<std::ptrdiff_t>(count, devices);
  std::move_backward(begin, begin + devices - taken, begin + devices);
  std::fill(begin, begin + taken, int16_t{0});
  return out;
}

std::string_view NodeShape::key() const {
  static_assert(offsetof(NodeShape, cpu_milli) == 8 && offsetof(NodeShape, free) == 18);
  return {reinterpret_cast<const char*>(this), offsetof(NodeShape, free) + sizeof(int16_t) * devices};
}

int64_t expected_fragmentation(const DemandModel& model, const NodeShape& shape) {
  // prefix[i] = sum of the i smallest slices.
  std::array<int32_t, kMaxDevices + 1> prefix{};
  for (size_t i = 0; i < shape.devices; ++i)
    prefix[i + 1] = prefix[i] + shape.free[i];
  int32_t idle = prefix[shape.devices];
  if (idle == 0) return 0;
  int64_t sum = 0;
  uint64_t product = uint64_t{1} << shape.product;
  const auto* begin = shape.free.data();
  const auto* end = begin + shape.devices;
  for (const auto& pod : model.entries()) {
    int64_t unusable = idle;
    if (pod.count > 0 && pod.cpu_milli <= shape.cpu_milli && (pod.product_mask & product) != 0) {
      const auto* first = std::lower_bound(begin, end, static_cast<int16_t>(pod.milli));
      if (end - first >= pod.count) unusable = prefix[static_cast<size_t>(first - begin)];
    }
    sum += pod.weight * unusable;
  }
  return sum;
}

namespace {

/// Thousandths of one sample that fit on the node, packed largest first, shares on the tightest device.
int64_t pack_sample(const DemandModel& model, const std::vector<uint32_t>& sample, const NodeShape& shape) {
  std::array<int16_t, kMaxDevices> free = shape.free;
  size_t devices = shape.devices;
  int64_t cpu = shape.cpu_milli;
  uint64_t product = uint64_t{1} << shape.product;
  int32_t left = 0;
  int32_t idle = 0;
  for (size_t i = 0; i < devices; ++i)
    left += free[i], idle += free[i] == kWholeDevice;
  const int32_t before = left;
  for (uint32_t id : sample) {
    if (left == 0) break;
    const auto& pod = model.entries()[id];
    if (pod.cpu_milli > cpu || (pod.product_mask & product) == 0) continue;
    if (pod.milli == kWholeDevice) {
      if (idle < pod.count) continue;
      int32_t wanted = pod.count;
      for (size_t i = 0; i < devices && wanted > 0; ++i) {
        if (free[i] == kWholeDevice) free[i] = 0, --wanted;
      }
      idle -= pod.count;
      left -= pod.count * kWholeDevice;
    } else {
      size_t best = devices;
      for (size_t i = 0; i < devices; ++i) {
        if (free[i] >= pod.milli && (best == devices || free[i] < free[best])) best = i;
      }
      if (best == devices) continue;
      if (free[best] == kWholeDevice) --idle;
      free[best] = static_cast<int16_t>(free[best] - pod.milli);
      left -= pod.milli;
    }
    cpu -= pod.cpu_milli;
  }
  return before - left;
}

}  // namespace

int64_t potential(const DemandModel& model, const NodeShape& shape) {
  int64_t packed = 0;
  for (const auto& sample : model.samples())
    packed += pack_sample(model, sample, shape);
  int64_t holes = 0;
  for (size_t i = 0; i < shape.devices; ++i) {
    holes += model.hole_price(shape.free[i]) + (shape.free[i] == kWholeDevice ? kIdleBonus : 0);
  }
  return packed * DemandModel::kPriceUnit + DemandModel::kSamples * kHoleWeight * kWholeDevice * holes;
}

int64_t NodeValues::fragmentation(const NodeShape& shape) {
  if (auto it = fragmentation_.find(shape); it != fragmentation_.end()) return it->second;
  if (fragmentation_.size() >= kMaxShapes) fragmentation_.clear();
  int64_t value = expected_fragmentation(*model_, shape);
  fragmentation_.emplace(shape, value);
  return value;
}

int64_t NodeValues::potential(const NodeShape& shape) {
  if (auto it = potential_.find(shape); it != potential_.end()) return it->second;
  if (potential_.size() >= kMaxShapes) potential_.clear();
  int64_t value = engine::potential(*model_, shape);
  potential_.emplace(shape, value);
  return value;
}

}  // namespace stowage::engine
