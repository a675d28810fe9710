#include "gpu-scheduler/replay/commands/trace_options.h"

#include <CLI/CLI.hpp>

namespace stowage::replay {

void add_trace_options(CLI::App& command, TraceOptions& options) {
  command.add_option("--nodes", options.files.nodes, "node list (CSV)")->required();
  command.add_option("--pods", options.files.pods, "pod list (CSV)")->required();
  command.add_option("--order", options.files.order, "arrival orders, one line per seed");
  command.add_option("--noderank", options.files.noderank, "node ranks, one line per seed");
  command.add_option("--strategy", options.strategy, "BestFit, FGD, Packability or Spread");
  command.add_flag("--json", options.json, "one JSON object a run");
}

Result<engine::Policy> policy_for(const TraceOptions& options, std::vector<engine::TypicalPod> typical) {
  TRY(auto policy, engine::Policy::from_config({.strategy = options.strategy}));
  TRY(policy.model, engine::DemandModel::build(std::move(typical)));
  return policy;
}

}  // namespace stowage::replay
