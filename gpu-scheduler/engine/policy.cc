#include "gpu-scheduler/engine/policy.h"

#include <fmt/format.h>

#include <cmath>

#include "gpu-scheduler/engine/demand_model.h"

namespace stowage::engine {
namespace {

Result<void> read_weight(std::string_view field, const std::optional<double>& value, int32_t& out) {
  if (!value) return {};
  if (!std::isfinite(*value) || *value < 0 || *value > 1000) {
    return fail(Code::kInvalidArgument,
                fmt::format("{}: must be a number from 0 to 1000, not {}", field, *value));
  }
  out = static_cast<int32_t>(std::lround(*value));
  return {};
}

Result<void> read_limit(std::string_view field, const std::optional<int64_t>& value, int64_t low,
                        int64_t high, int32_t& out) {
  if (!value) return {};
  if (*value < low || *value > high) {
    return fail(Code::kInvalidArgument,
                fmt::format("{}: must be from {} to {}, not {}", field, low, high, *value));
  }
  out = static_cast<int32_t>(*value);
  return {};
}

}  // namespace

std::string_view to_string(Strategy strategy) {
  switch (strategy) {
    case Strategy::kBestFit:
      return "BestFit";
    case Strategy::kFgd:
      return "FGD";
    case Strategy::kPackability:
      return "Packability";
    case Strategy::kSpread:
      return "Spread";
  }
  return "";
}

Result<Policy> Policy::from_config(const PolicyConfig& config) {
  Policy out;
  if (config.strategy) {
    bool known = false;
    for (auto strategy : {Strategy::kBestFit, Strategy::kFgd, Strategy::kPackability, Strategy::kSpread}) {
      if (*config.strategy != to_string(strategy)) continue;
      out.strategy = strategy;
      known = true;
    }
    if (!known) {
      return fail(
          Code::kInvalidArgument,
          fmt::format("strategy: \"{}\" is none of Packability, FGD, BestFit, Spread", *config.strategy));
    }
  }
  TRY_VOID(read_weight("score.fragmentation", config.fragmentation, out.fragmentation));
  TRY_VOID(read_weight("score.packing", config.packing, out.packing));
  TRY_VOID(read_weight("score.topology", config.topology, out.topology));
  TRY_VOID(read_weight("score.cost", config.cost, out.cost));
  TRY_VOID(read_weight("score.weightsLocality", config.weights_locality, out.weights_locality));
  TRY_VOID(read_weight("score.spread", config.spread, out.spread));
  if (out.packing > 0 && out.spread > 0) {
    return fail(Code::kInvalidArgument, "score.spread: contradicts score.packing, one of them must be 0");
  }
  if (config.preemption_mode) {
    if (*config.preemption_mode != "Never" && *config.preemption_mode != "LowerPriority") {
      return fail(
          Code::kInvalidArgument,
          fmt::format("preemption.mode: \"{}\" is neither Never nor LowerPriority", *config.preemption_mode));
    }
    out.preemption = *config.preemption_mode == "LowerPriority";
  }
  TRY_VOID(read_limit("preemption.maxVictims", config.preemption_max_victims, 1, 100000, out.max_victims));
  TRY_VOID(
      read_limit("preemption.cooldown", config.preemption_cooldown_seconds, 0, 86400, out.cooldown_seconds));
  return out;
}

uint64_t Policy::fingerprint() const {
  uint64_t hash = 0xcbf29ce484222325ULL;
  auto mix = [&](uint64_t value) { hash = (hash ^ value) * 0x100000001b3ULL + (hash >> 31); };
  mix(static_cast<uint64_t>(strategy));
  for (int32_t weight : {fragmentation, packing, topology, cost, weights_locality, spread}) {
    mix(static_cast<uint64_t>(weight));
  }
  mix(model ? model->fingerprint() : 0);
  return hash;
}

}  // namespace stowage::engine
