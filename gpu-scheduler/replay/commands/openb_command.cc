#include "gpu-scheduler/replay/openb.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "gpu-scheduler/replay/commands/commands.h"
#include "gpu-scheduler/replay/commands/trace_options.h"
#include "gpu-scheduler/replay/trace.h"

namespace stowage::replay {
namespace {

struct Options {
  TraceOptions trace;
  std::string seed = "all";
  int32_t window = 0;
  double move_percent = 0;
};

void print(const Options& options, const Trace& trace, const OpenbRun& run) {
  const std::string& strategy = options.trace.strategy;
  if (options.trace.json) {
    fmt::print(
        R"({{"trace":"{}","seed":{},"strategy":"{}","window":{},"moves":{},"allocation_at_100":{:.4f},)"
        R"("allocation_at_130":{:.4f},"seconds":{:.3f}}})"
        "\n",
        trace.name, run.seed, strategy, options.window, run.moves, run.allocation_at_100,
        run.allocation_at_130, run.seconds);
  } else {
    fmt::print(
        "{:12} seed {:4} {:12} allocated {:6.2f} % at 100 %, {:6.2f} % at 130 %, {} not placed, {:.2f} s\n",
        trace.name, run.seed, strategy, run.allocation_at_100, run.allocation_at_130, run.failed,
        run.seconds);
  }
  std::fflush(stdout);
}

Result<void> replay(const Options& options) {
  TRY(auto trace, load_trace(options.trace.files));
  TRY(auto policy, policy_for(options.trace, typical_pods(trace)));
  bool found = false;
  for (const auto& [seed, order] : trace.order) {
    if (options.seed != "all" && std::to_string(seed) != options.seed) continue;
    found = true;
    OpenbOptions run_options{.policy = policy,
                             .window = options.window,
                             .move_permyriad = static_cast<int32_t>(options.move_percent * 100)};
    auto run = run_openb(trace, seed, run_options, [&, id = seed](int percent) {
      fmt::print(stderr, "\r{} seed {}: {:3d} %", trace.name, id, percent);
    });
    fmt::print(stderr, "\r{:40}\r", "");
    if (!run) return std::unexpected(std::move(run).error());
    print(options, trace, *run);
  }
  if (!found)
    return fail(Code::kNotFound,
                fmt::format("--seed {}: not in {}", options.seed, options.trace.files.order));
  return {};
}

}  // namespace

void add_openb(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("openb", "pods arrive and never leave: how much of the cluster is used");
  add_trace_options(*command, options->trace);
  command->get_option("--order")->required();
  command->get_option("--noderank")->required();
  command->add_option("--seed", options->seed, "a seed of the order file, or all");
  command->add_option("--window", options->window, "pods held for look-ahead; 0 = none")
      ->check(CLI::Range(0, 1000));
  command->add_option("--move-percent", options->move_percent, "moves in % of running pods")
      ->check(CLI::Range(0.0, 100.0));
  command->callback([options, &chosen] {
    chosen = [options] {
      auto done = replay(*options);
      return done ? kDone : report(done.error());
    };
  });
}

}  // namespace stowage::replay
