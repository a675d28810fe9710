#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

/// One kind of pod that the cluster typically sees.
struct TypicalPod {
  int64_t cpu_milli = 0;
  int32_t count = 0;                  ///< Devices; 0 = CPU only.
  int32_t milli = kWholeDevice;       ///< Of each device.
  std::vector<std::string> products;  ///< Permitted products; empty = any.
  int64_t weight = 1;                 ///< How often (or how long) it is seen; > 0.
  bool operator==(const TypicalPod&) const = default;
  [[nodiscard]] int64_t demand() const { return int64_t{count} * milli; }
};

/// The typical demand, and what FGD and Packability derive from it once: immutable, shared by policies and
/// forks. Derivation and figures: docs/design/packability.md.
class DemandModel {
 public:
  static constexpr int kSamples = 24;
  static constexpr int kSampleSize = 128;
  static constexpr int kMaxProducts = 63;
  /// Price of a device's free share is in 1/kPriceUnit of a whole device.
  static constexpr int32_t kPriceUnit = 1024;

  /// Errors: kInvalidArgument naming the entry (no entries, weight < 1, negative amounts, share
  /// outside 1..1000, more than 63 products).
  static Result<std::shared_ptr<const DemandModel>> build(std::vector<TypicalPod> pods);
  /// Whole devices by 1, 2, 4, 8 and some halves and quarters: what is assumed before anything was seen.
  static std::shared_ptr<const DemandModel> builtin();

  struct Entry {
    int64_t cpu_milli;
    int32_t count;
    int32_t milli;
    uint64_t product_mask;  ///< Bit per product index; all ones = any.
    int64_t weight;         ///< Shares of kWeightSum.
  };
  static constexpr int64_t kWeightSum = int64_t{1} << 24;

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  /// Index of a product in masks; kMaxProducts for one that no entry names.
  [[nodiscard]] uint32_t product_index(std::string_view product) const;
  /// Products that entries name.
  [[nodiscard]] size_t product_count() const { return products_.size(); }
  /// Samples of entries, each sorted by demand, largest first.
  [[nodiscard]] const std::array<std::vector<uint32_t>, kSamples>& samples() const { return samples_; }
  /// Value of a device with this many thousandths free, in 1/kPriceUnit of a device; 0..1000 ->
  /// 0..kPriceUnit.
  [[nodiscard]] int32_t hole_price(int32_t free_milli) const {
    return hole_price_[static_cast<size_t>(free_milli)];
  }

  [[nodiscard]] uint64_t fingerprint() const { return fingerprint_; }

 private:
  DemandModel() = default;
  void draw_samples();

  std::vector<Entry> entries_;
  std::vector<std::string> products_;
  std::array<std::vector<uint32_t>, kSamples> samples_;
  std::array<int32_t, kWholeDevice + 1> hole_price_{};
  uint64_t fingerprint_ = 0;
};

/// Value of every free share of a device, by the duals of a cutting stock: the fewest devices that hold the
/// one-device sizes of the demand (Gilmore and Gomory 1961, column generation with an unbounded knapsack).
/// Entry f of the result: the best use of f thousandths, in 1/DemandModel::kPriceUnit of a device.
std::array<int32_t, kWholeDevice + 1> cutting_stock_prices(const std::vector<DemandModel::Entry>& entries);

}  // namespace stowage::engine
