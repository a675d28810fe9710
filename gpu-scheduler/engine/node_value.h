#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gpu-scheduler/engine/demand_model.h"

namespace stowage::engine {

/// What the value of a node depends on: its product (index in the model), free CPU, and the free thousandths
/// of its devices, sorted ascending.
struct NodeShape {
  uint32_t product = 0;
  uint32_t reserved = 0;  ///< Keeps the key free of padding.
  int64_t cpu_milli = 0;
  uint16_t devices = 0;
  std::array<int16_t, kMaxDevices> free{};

  void sort();
  /// The shape after `milli` of the device at `position` and `cpu` are taken.
  [[nodiscard]] NodeShape after_share(size_t position, int32_t milli, int64_t cpu) const;
  /// The shape after `count` idle devices (they stand last) and `cpu` are taken.
  [[nodiscard]] NodeShape after_whole(int32_t count, int64_t cpu) const;
  [[nodiscard]] std::string_view key() const;
  bool operator==(const NodeShape& other) const { return key() == other.key(); }
};

/// FGD's expected fragmentation (Weng et al., ATC'23, section 4): the free thousandths that a typical pod
/// cannot use, weighted by frequency; times DemandModel::kWeightSum.
int64_t expected_fragmentation(const DemandModel& model, const NodeShape& shape);

/// Packability's potential: how much of the typical demand the node can still take, plus the price of the
/// holes of its devices, less its expected fragmentation. In 1/kPotentialUnit thousandths of a device.
int64_t potential(const DemandModel& model, const NodeShape& shape);
inline constexpr int64_t kPotentialUnit = DemandModel::kSamples * int64_t{DemandModel::kPriceUnit};

/// Weight of the holes' prices against the packed samples (2 and 3 differ by 0.02 points).
inline constexpr int64_t kHoleWeight = 2;

/// Values by shape, computed once. Forgets everything when it has grown to its limit.
class NodeValues {
 public:
  explicit NodeValues(std::shared_ptr<const DemandModel> model) : model_(std::move(model)) {}
  [[nodiscard]] const DemandModel& model() const { return *model_; }
  int64_t fragmentation(const NodeShape& shape);
  int64_t potential(const NodeShape& shape);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(const NodeShape& shape) const { return std::hash<std::string_view>{}(shape.key()); }
  };
  using Table = std::unordered_map<NodeShape, int64_t, Hash>;
  std::shared_ptr<const DemandModel> model_;
  Table fragmentation_;
  Table potential_;
};

}  // namespace stowage::engine
