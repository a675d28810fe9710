#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

class DemandModel;

enum class Strategy : uint8_t { kBestFit, kFgd, kPackability, kSpread };
std::string_view to_string(Strategy strategy);

/// A policy as written by people, before validation. Absent fields take the default.
struct PolicyConfig {
  std::optional<std::string> strategy;  ///< "Packability" | "FGD" | "BestFit" | "Spread"
  /// Weights of the score terms, 0..1000.
  std::optional<double> fragmentation, packing, topology, cost, weights_locality, spread;
  std::optional<std::string> preemption_mode;  ///< "Never" | "LowerPriority"
  std::optional<int64_t> preemption_max_victims;
  std::optional<int64_t> preemption_cooldown_seconds;
};

/// Validated weights and limits.
struct Policy {
  Strategy strategy = Strategy::kPackability;
  int32_t fragmentation = 100;    ///< Weight of FGD's and Packability's term when they are the strategy.
  int32_t packing = 0;            ///< Extra weight for full nodes, whatever the strategy.
  int32_t topology = 0;           ///< Extra weight for nodes near the pods of the same gang.
  int32_t cost = 10;              ///< Extra weight for cheap nodes.
  int32_t weights_locality = 30;  ///< Extra weight for nodes that hold the model's weights.
  int32_t spread = 0;             ///< Extra weight for empty nodes, whatever the strategy.
  bool preemption = true;
  int32_t max_victims = 64;
  int32_t cooldown_seconds = 60;
  /// The typical demand that FGD and Packability weigh nodes by. Null: the built-in one.
  std::shared_ptr<const DemandModel> model;

  /// Errors: kInvalidArgument naming the field: "score.cost: must be a number from 0 to 1000".
  static Result<Policy> from_config(const PolicyConfig& config);
  /// Equal policies score alike.
  [[nodiscard]] uint64_t fingerprint() const;
};

}  // namespace stowage::engine
