#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "gpu-scheduler/replay/openb.h"
#include "gpu-scheduler/replay/trace.h"

namespace {

using namespace stowage;
using namespace stowage::replay;

int report(const Error& error) {
  fmt::print(stderr, "stowage-replay: {}\n", error.message);
  return 1;
}

int openb(const TraceFiles& files, const std::string& strategy, const std::string& seed) {
  auto trace = load_trace(files);
  if (!trace) return report(trace.error());
  auto policy = engine::Policy::from_config({.strategy = strategy});
  if (!policy) return report(policy.error());
  auto model = engine::DemandModel::build(typical_pods(*trace));
  if (!model) return report(model.error());
  policy->model = *model;
  for (const auto& [id, order] : trace->order) {
    if (seed != "all" && std::to_string(id) != seed) continue;
    auto run = run_openb(*trace, id, {.policy = *policy}, {});
    if (!run) return report(run.error());
    fmt::print(R"({{"trace":"{}","seed":{},"strategy":"{}","window":0,"moves":0,"allocation_at_100":{:.4f},"allocation_at_130":{:.4f},"seconds":{:.3f}}})" "\n",
               trace->name, id, strategy, run->allocation_at_100, run->allocation_at_130, run->seconds);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"replay"};
  auto* cmd = app.add_subcommand("openb");
  TraceFiles files;
  std::string strategy = "Packability", seed = "all";
  cmd->add_option("--nodes", files.nodes)->required();
  cmd->add_option("--pods", files.pods)->required();
  cmd->add_option("--order", files.order)->required();
  cmd->add_option("--noderank", files.noderank)->required();
  cmd->add_option("--strategy", strategy);
  cmd->add_option("--seed", seed);
  cmd->add_flag("--json");
  CLI11_PARSE(app, argc, argv);
  return openb(files, strategy, seed);
}
