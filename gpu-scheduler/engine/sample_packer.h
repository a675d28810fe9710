#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gpu-scheduler/engine/demand_model.h"

namespace stowage::engine {

/// Packs the samples of a demand model on one node alone: largest first, shares on the tightest device, what
/// does not fit is skipped.
class SamplePacker {
 public:
  explicit SamplePacker(const DemandModel& model);

  /// One sample on one node.
  struct Run {
    int32_t packed_milli = 0;
    int64_t cpu_milli = 0;  ///< Taken by what was packed.
  };
  /// Packs sample `sample` on a node of the product (index in the model) with these free thousandths,
  /// ascending, and this free CPU. Time: O(pods packed x devices).
  [[nodiscard]] Run pack(size_t sample, uint32_t product, std::span<const int16_t> free, int64_t cpu) const;

 private:
  struct Item {
    int64_t cpu_milli;
    int32_t demand;
    int16_t count;
    int16_t milli;
  };
  /// Items that one product may take, sample after sample.
  struct Product {
    std::vector<Item> items;
    std::vector<uint32_t> begin;  ///< By sample, with the end behind.
  };
  std::vector<Product> products_;
};

}  // namespace stowage::engine
