#include "gpu-scheduler/replay/commands/trace_options.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "gpu-scheduler/engine/demand_model.h"
#include "gpu-scheduler/replay/policy_file.h"

namespace stowage::replay {

void add_trace_options(CLI::App& command, TraceOptions& options) {
  command.add_option("--nodes", options.files.nodes, "node list (CSV)")->required();
  command.add_option("--pods", options.files.pods, "pod list (CSV)")->required();
  command.add_option("--order", options.files.order, "arrival orders, one line per seed");
  command.add_option("--noderank", options.files.noderank, "node ranks, one line per seed");
  command
      .add_option(
          "--strategy", options.strategies,
          "BestFit, FGD, Packability or Spread; several, separated by commas, run one after the other")
      ->delimiter(',');
  command.add_option("--policy", options.policy,
                     "a SchedulingPolicy (YAML): weights and strategy, unless --strategy names one");
  command.add_flag("--json", options.json, "one JSON object a run");
}

Result<std::vector<engine::Policy>> one_a_strategy(engine::Policy base,
                                                   const std::vector<std::string>& strategies) {
  std::vector<engine::Policy> out;
  for (const auto& name : strategies) {
    auto named = engine::Policy::from_config({.strategy = name});
    if (!named) return std::unexpected(std::move(named).error().context("--strategy"));
    out.push_back(base);
    out.back().strategy = named->strategy;
  }
  if (out.empty()) out.push_back(std::move(base));
  return out;
}

Result<std::vector<engine::Policy>> policies_for(const TraceOptions& options,
                                                 std::vector<engine::TypicalPod> typical) {
  engine::Policy base;
  if (!options.policy.empty()) {
    TRY(auto file, load_policy(options.policy));
    base = std::move(file.policy);
  }
  TRY(base.model, engine::DemandModel::build(std::move(typical)));
  return one_a_strategy(std::move(base), options.strategies);
}

}  // namespace stowage::replay
