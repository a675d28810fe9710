#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gpu-scheduler/engine/demand_model.h"
#include "gpu-scheduler/engine/sample_packer.h"

namespace stowage::engine {

/// What the value of a node depends on: its product (index in the model), free CPU, and the free thousandths
/// of its devices, sorted ascending.
struct NodeShape {
  uint32_t product = 0;
  uint32_t devices = 0;
  int64_t cpu_milli = 0;
  std::array<int16_t, kMaxDevices> free{};

  void sort();
  /// The shape after `milli` of the device at `position` and `cpu` are taken.
  [[nodiscard]] NodeShape after_share(size_t position, int32_t milli, int64_t cpu) const;
  /// The shape after `count` idle devices (they stand last) and `cpu` are taken.
  [[nodiscard]] NodeShape after_whole(int32_t count, int64_t cpu) const;
  [[nodiscard]] std::span<const int16_t> slices() const { return {free.data(), devices}; }
};

/// FGD's expected fragmentation (Weng et al., ATC'23, section 4): the free thousandths that a typical pod
/// cannot use, weighted by frequency; times DemandModel::kWeightSum.
int64_t expected_fragmentation(const DemandModel& model, const NodeShape& shape);

inline constexpr int64_t kPotentialUnit = DemandModel::kSamples * int64_t{DemandModel::kPriceUnit};

/// Weight of the holes' prices against the packed samples; figures for others: docs/design/packability.md.
inline constexpr int64_t kHoleWeight = 12;

/// Values of shapes under one demand model, each computed once: by product and device slices, and beside
/// them by free CPU as far as it matters. Forgets everything when it has grown to its limit.
class NodeValues {
 public:
  explicit NodeValues(std::shared_ptr<const DemandModel> model);
  [[nodiscard]] const DemandModel& model() const { return *model_; }
  /// As expected_fragmentation().
  int64_t fragmentation(const NodeShape& shape);
  /// Packability's potential: how much of the typical demand the node can still take, plus the price of the
  /// holes of its devices, less half its expected fragmentation. In 1/kPotentialUnit thousandths of a device.
  int64_t potential(const NodeShape& shape);

 private:
  /// What is known of one (product, slices).
  struct Slices {
    uint64_t hash = 0;
    uint32_t product = 0;
    uint32_t devices = 0;
    size_t first = 0;  ///< Of its thousandths in free_.
    int64_t holes = 0;
    std::vector<SamplePacker::Run> runs;  ///< Empty: not packed yet.
    int64_t packed = 0;                   ///< All samples, with CPU in abundance.
    int64_t cpu_need = 0;                 ///< Free CPU from which on `packed` holds.
  };
  struct ByCpu {
    uint32_t slices = 0;  ///< Index + 1; 0 = empty.
    int64_t cpu = 0;
    int64_t value = 0;
  };
  /// Values by (slices, cpu): open addressing, one flat table.
  class CpuTable {
   public:
    /// The value's place until the next call; `fresh`: it was not there and is 0.
    int64_t* find(uint32_t slices, int64_t cpu, bool& fresh);
    void clear();
    [[nodiscard]] size_t size() const { return used_; }

   private:
    void grow();
    size_t used_ = 0;
    std::vector<ByCpu> slots_;
  };

  /// Index into slices_; forgets everything first when the tables are full.
  uint32_t slices_of(const NodeShape& shape);
  /// As fragmentation(); `id` = slices_of(shape).
  int64_t fragmentation_at(uint32_t id, const NodeShape& shape);
  /// Thousandths that the samples fill on the node, all together; `id` = slices_of(shape).
  int64_t packed(uint32_t id, const NodeShape& shape);
  void forget();

  std::shared_ptr<const DemandModel> model_;
  SamplePacker packer_;
  std::vector<int64_t> cpu_steps_;  ///< CPU of the model's entries, ascending.
  std::vector<Slices> slices_;
  std::vector<int16_t> free_;
  std::vector<uint32_t> index_;  ///< Open addressing: index into slices_ + 1.
  CpuTable fragmentation_;
  CpuTable packed_;
};

}  // namespace stowage::engine
