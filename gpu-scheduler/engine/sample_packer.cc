#include "gpu-scheduler/engine/sample_packer.h"

#include <algorithm>
#include <array>

namespace stowage::engine {
namespace {

/// Free devices of one node: the partly used ones ascending, the idle ones as a number.
class Devices {
 public:
  explicit Devices(std::span<const int16_t> slices) {
    for (int16_t free : slices) {
      if (free == kWholeDevice) {
        ++idle_;
      } else if (free > 0) {
        open_[opened_++] = free;
      }
    }
  }

  /// The largest demand that could still fit.
  [[nodiscard]] int32_t most() const {
    if (idle_ > 0) return idle_ * kWholeDevice;
    return opened_ > 0 ? open_[opened_ - 1] : 0;
  }

  void take_whole(int32_t count) { idle_ -= count; }

  /// Takes a share of the tightest device; there is one.
  void take_share(int16_t milli) {
    auto* end = open_.data() + opened_;
    auto* at = std::lower_bound(open_.data(), end, milli);
    int32_t free = kWholeDevice;
    if (at == end) {
      --idle_;
      ++opened_;
    } else {
      free = *at;
    }
    auto left = static_cast<int16_t>(free - milli);
    for (; at > open_.data() && *(at - 1) > left; --at)
      *at = *(at - 1);
    *at = left;
    if (open_[0] != 0) return;
    std::move(open_.data() + 1, open_.data() + opened_, open_.data());
    --opened_;
  }

 private:
  std::array<int16_t, kMaxDevices> open_;
  size_t opened_ = 0;
  int32_t idle_ = 0;
};

}  // namespace

SamplePacker::SamplePacker(const DemandModel& model) {
  // The last one stands for every product that no entry names.
  products_.resize(model.product_count() + 1);
  for (size_t p = 0; p < products_.size(); ++p) {
    uint64_t bit = uint64_t{1} << (p < model.product_count() ? p : size_t{DemandModel::kMaxProducts});
    auto& product = products_[p];
    product.begin.push_back(0);
    for (const auto& sample : model.samples()) {
      for (uint32_t id : sample) {
        const auto& entry = model.entries()[id];
        if ((entry.product_mask & bit) == 0) continue;
        product.items.push_back({entry.cpu_milli, entry.count * entry.milli,
                                 static_cast<int16_t>(entry.count), static_cast<int16_t>(entry.milli)});
      }
      product.begin.push_back(static_cast<uint32_t>(product.items.size()));
    }
  }
}

SamplePacker::Run SamplePacker::pack(size_t sample, uint32_t product, std::span<const int16_t> slices,
                                     int64_t cpu) const {
  const auto& from = products_[std::min<size_t>(product, products_.size() - 1)];
  const auto* item = from.items.data() + from.begin[sample];
  const auto* end = from.items.data() + from.begin[sample + 1];
  Devices devices(slices);
  Run run;
  while (int32_t most = devices.most()) {
    // Items are sorted by demand, so everything before the first that finds devices can be passed over.
    if (item != end && item->demand > most) {
      item = std::lower_bound(item, end, most, [](const Item& a, int32_t limit) { return a.demand > limit; });
    }
    while (item != end && item->cpu_milli > cpu)
      ++item;
    if (item == end) break;
    cpu -= item->cpu_milli;
    run.cpu_milli += item->cpu_milli;
    run.packed_milli += item->demand;
    if (item->milli == kWholeDevice) {
      devices.take_whole(item->count);
    } else {
      devices.take_share(item->milli);
    }
    ++item;
  }
  return run;
}

}  // namespace stowage::engine
