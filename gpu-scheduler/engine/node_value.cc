#include "gpu-scheduler/engine/node_value.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace stowage::engine {
namespace {

/// Entries kept before starting over: about 300 MB at the most.
constexpr size_t kMaxSlices = 1 << 17;
constexpr size_t kMaxByCpu = 1 << 21;

/// What an idle device is worth beyond its price, in 1/kPriceUnit: prefers to fill devices that are open
/// already.
constexpr int32_t kIdleBonus = 41;

/// More CPU than any node has.
constexpr int64_t kAbundantCpu = int64_t{1} << 60;

uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 29);
}

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

void NodeValues::CpuTable::clear() {
  slots_.clear();
  used_ = 0;
}

void NodeValues::CpuTable::grow() {
  auto old = std::exchange(slots_, std::vector<ByCpu>(std::max<size_t>(4096, slots_.size() * 2)));
  used_ = 0;
  for (const auto& entry : old) {
    bool fresh = false;
    if (entry.slices != 0) *find(entry.slices - 1, entry.cpu, fresh) = entry.value;
  }
}

int64_t* NodeValues::CpuTable::find(uint32_t slices, int64_t cpu, bool& fresh) {
  if (used_ * 2 >= slots_.size()) grow();
  size_t mask = slots_.size() - 1;
  size_t at = mix(mix(0, slices), static_cast<uint64_t>(cpu)) & mask;
  for (; slots_[at].slices != 0; at = (at + 1) & mask) {
    if (slots_[at].slices == slices + 1 && slots_[at].cpu == cpu) {
      fresh = false;
      return &slots_[at].value;
    }
  }
  ++used_;
  slots_[at] = {slices + 1, cpu, 0};
  fresh = true;
  return &slots_[at].value;
}

NodeValues::NodeValues(std::shared_ptr<const DemandModel> model)
    : model_(std::move(model)), packer_(*model_) {
  for (const auto& entry : model_->entries())
    cpu_steps_.push_back(entry.cpu_milli);
  std::ranges::sort(cpu_steps_);
  cpu_steps_.erase(std::ranges::unique(cpu_steps_).begin(), cpu_steps_.end());
}

void NodeValues::forget() {
  slices_.clear();
  free_.clear();
  index_.clear();
  fragmentation_.clear();
  packed_.clear();
}

uint32_t NodeValues::slices_of(const NodeShape& shape) {
  if (slices_.size() >= kMaxSlices || fragmentation_.size() + packed_.size() >= kMaxByCpu) forget();
  uint64_t hash = mix(shape.product, shape.devices);
  for (int16_t free : shape.slices())
    hash = mix(hash, static_cast<uint64_t>(free));
  if (slices_.size() * 2 >= index_.size()) {
    index_.assign(std::max<size_t>(4096, index_.size() * 2), 0);
    for (uint32_t i = 0; i < slices_.size(); ++i) {
      size_t at = slices_[i].hash & (index_.size() - 1);
      while (index_[at] != 0)
        at = (at + 1) & (index_.size() - 1);
      index_[at] = i + 1;
    }
  }
  size_t at = hash & (index_.size() - 1);
  for (; index_[at] != 0; at = (at + 1) & (index_.size() - 1)) {
    const auto& known = slices_[index_[at] - 1];
    if (known.hash == hash && known.product == shape.product && known.devices == shape.devices &&
        std::equal(shape.free.begin(), shape.free.begin() + shape.devices,
                   free_.begin() + static_cast<std::ptrdiff_t>(known.first))) {
      return index_[at] - 1;
    }
  }
  index_[at] = static_cast<uint32_t>(slices_.size() + 1);
  Slices fresh{.hash = hash, .product = shape.product, .devices = shape.devices, .first = free_.size()};
  free_.insert(free_.end(), shape.free.begin(), shape.free.begin() + shape.devices);
  for (int16_t free : shape.slices()) {
    fresh.holes += model_->hole_price(free) + (free == kWholeDevice ? kIdleBonus : 0);
  }
  slices_.push_back(std::move(fresh));
  return static_cast<uint32_t>(slices_.size() - 1);
}

int64_t NodeValues::fragmentation(const NodeShape& shape) {
  return fragmentation_at(slices_of(shape), shape);
}

int64_t NodeValues::fragmentation_at(uint32_t id, const NodeShape& shape) {
  auto step = std::ranges::upper_bound(cpu_steps_, shape.cpu_milli) - cpu_steps_.begin();
  bool fresh = false;
  int64_t* value = fragmentation_.find(id, step, fresh);
  if (fresh) *value = expected_fragmentation(*model_, shape);
  return *value;
}

/// The samples are packed once as if CPU were abundant; where CPU is short, only those that need more of it
/// than there is are packed again.
int64_t NodeValues::packed(uint32_t id, const NodeShape& shape) {
  auto& slices = slices_[id];
  if (slices.runs.empty()) {
    for (size_t k = 0; k < DemandModel::kSamples; ++k) {
      auto run = packer_.pack(k, shape.product, shape.slices(), kAbundantCpu);
      slices.packed += run.packed_milli;
      slices.cpu_need = std::max(slices.cpu_need, run.cpu_milli);
      slices.runs.push_back(run);
    }
  }
  if (shape.cpu_milli >= slices.cpu_need) return slices.packed;
  bool fresh = false;
  int64_t* value = packed_.find(id, shape.cpu_milli, fresh);
  if (!fresh) return *value;
  *value = slices.packed;
  for (size_t k = 0; k < DemandModel::kSamples; ++k) {
    const auto& run = slices.runs[k];
    if (run.cpu_milli <= shape.cpu_milli) continue;
    *value += packer_.pack(k, shape.product, shape.slices(), shape.cpu_milli).packed_milli - run.packed_milli;
  }
  return *value;
}

int64_t NodeValues::potential(const NodeShape& shape) {
  uint32_t id = slices_of(shape);
  int64_t held = packed(id, shape) * DemandModel::kPriceUnit +
                 DemandModel::kSamples * kHoleWeight * kWholeDevice * slices_[id].holes;
  return held - fragmentation_at(id, shape) * kPotentialUnit / (2 * DemandModel::kWeightSum);
}

}  // namespace stowage::engine
