#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <string>
#include <vector>

#include "gpu-scheduler/feasible/feasible.h"
#include "gpu-scheduler/replay/dynamic.h"
#include "gpu-scheduler/replay/openb.h"
#include "gpu-scheduler/replay/trace.h"

namespace {

using namespace stowage;
using namespace stowage::replay;

struct Arguments {
  TraceFiles files;
  std::string strategy = "Packability";
  std::string seed = "all";
  std::string seeds = "1..10";
  std::string rule = "fifo";
  double load = 0.97;
  int32_t window = 0;
  double move_percent = 0;
  bool json = false;
};

int report(const Error& error) {
  fmt::print(stderr, "stowage-replay: {}\n", error.message);
  return 1;
}

Result<engine::Policy> policy_for(const Arguments& arguments, std::vector<engine::TypicalPod> typical) {
  TRY(auto policy, engine::Policy::from_config({.strategy = arguments.strategy}));
  TRY(policy.model, engine::DemandModel::build(std::move(typical)));
  return policy;
}

/// "3" or "1..10".
Result<std::vector<int64_t>> parse_range(std::string_view text) {
  auto number = [&](std::string_view word) -> Result<int64_t> {
    int64_t value = 0;
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || end != word.data() + word.size() || value < 0) {
      return fail(Code::kInvalidArgument,
                  fmt::format("--seeds {}: write a number or a range like 1..10", text));
    }
    return value;
  };
  auto dots = text.find("..");
  TRY(int64_t first, number(text.substr(0, dots)));
  int64_t last = first;
  if (dots != std::string_view::npos) {
    TRY(last, number(text.substr(dots + 2)));
  }
  std::vector<int64_t> out;
  for (int64_t seed = first; seed <= last && out.size() < 10'000; ++seed)
    out.push_back(seed);
  return out;
}

int openb(const Arguments& arguments) {
  auto trace = load_trace(arguments.files);
  if (!trace) return report(trace.error());
  auto policy = policy_for(arguments, typical_pods(*trace));
  if (!policy) return report(policy.error());
  bool found = false;
  for (const auto& [id, order] : trace->order) {
    if (arguments.seed != "all" && std::to_string(id) != arguments.seed) continue;
    found = true;
    OpenbOptions options{.policy = *policy,
                         .window = arguments.window,
                         .move_permyriad = static_cast<int32_t>(arguments.move_percent * 100)};
    auto run = run_openb(*trace, id, options, [&](int percent) {
      fmt::print(stderr, "\r{} seed {}: {:3d} %", trace->name, id, percent);
    });
    fmt::print(stderr, "\r{:40}\r", "");
    if (!run) return report(run.error());
    if (arguments.json) {
      fmt::print(
          R"({{"trace":"{}","seed":{},"strategy":"{}","window":{},"moves":{},"allocation_at_100":{:.4f},)"
          R"("allocation_at_130":{:.4f},"seconds":{:.3f}}})"
          "\n",
          trace->name, id, arguments.strategy, arguments.window, run->moves, run->allocation_at_100,
          run->allocation_at_130, run->seconds);
    } else {
      fmt::print(
          "{:12} seed {:4} {:12} allocated {:6.2f} % at 100 %, {:6.2f} % at 130 %, {} not placed, {:.2f} s\n",
          trace->name, id, arguments.strategy, run->allocation_at_100, run->allocation_at_130, run->failed,
          run->seconds);
    }
    std::fflush(stdout);
  }
  if (!found)
    return report(
        Error{Code::kNotFound, fmt::format("--seed {}: not in {}", arguments.seed, arguments.files.order)});
  return 0;
}

int dynamic(const Arguments& arguments) {
  auto trace = load_trace(arguments.files);
  if (!trace) return report(trace.error());
  auto policy = policy_for(arguments, demand_by_lifetime(*trace));
  if (!policy) return report(policy.error());
  auto seeds = parse_range(arguments.seeds);
  if (!seeds) return report(seeds.error());
  for (int64_t seed : *seeds) {
    DynamicOptions options{.policy = *policy,
                           .load = arguments.load,
                           .rule = arguments.rule == "fifo" ? QueueRule::kFifo : QueueRule::kWindowMoves};
    auto run = run_dynamic(*trace, seed, options);
    if (!run) return report(run.error());
    std::string sizes;
    for (size_t i = 0; i < kSizeNames.size(); ++i) {
      sizes += fmt::format(R"({}"{}":{{"mean_s":{:.2f},"p99_s":{:.1f}}})", i == 0 ? "" : ",", kSizeNames[i],
                           run->by_size[i].mean_s, run->by_size[i].p99_s);
    }
    fmt::print(
        R"({{"trace":"{}","seed":{},"strategy":"{}","load":{},"rule":"{}","gpu_weighted_wait_s":{:.3f},)"
        R"("longest_wait_s":{:.1f},"delivered_percent":{:.3f},"moves_percent":{:.3f},"by_size":{{{}}}}})"
        "\n",
        trace->name, seed, arguments.strategy, arguments.load, arguments.rule, run->gpu_weighted_wait_s,
        run->longest_wait_s, run->delivered_percent, run->moves_percent, sizes);
    std::fflush(stdout);
  }
  return 0;
}

void add_files(CLI::App& command, Arguments& arguments) {
  command.add_option("--nodes", arguments.files.nodes, "node list (CSV)")->required();
  command.add_option("--pods", arguments.files.pods, "pod list (CSV)")->required();
  command.add_option("--order", arguments.files.order, "arrival orders, one line per seed");
  command.add_option("--noderank", arguments.files.noderank, "node ranks, one line per seed");
  command.add_option("--strategy", arguments.strategy, "BestFit, FGD, Packability or Spread");
  command.add_flag("--json", arguments.json, "one JSON object a run");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Replays workload traces with a placement policy"};
  app.set_version_flag("--version", STOWAGE_VERSION);
  app.require_subcommand(1);
  Arguments arguments;
  auto* openb_command =
      app.add_subcommand("openb", "pods arrive and never leave: how much of the cluster is used");
  add_files(*openb_command, arguments);
  openb_command->get_option("--order")->required();
  openb_command->get_option("--noderank")->required();
  openb_command->add_option("--seed", arguments.seed, "a seed of the order file, or all");
  openb_command->add_option("--window", arguments.window, "pods held for look-ahead; 0 = none")
      ->check(CLI::Range(0, 1000));
  openb_command->add_option("--move-percent", arguments.move_percent, "moves in % of running pods")
      ->check(CLI::Range(0.0, 100.0));
  auto* dynamic_command =
      app.add_subcommand("dynamic", "pods arrive, wait, run and leave: how long they wait");
  add_files(*dynamic_command, arguments);
  dynamic_command->add_option("--load", arguments.load, "offered GPU time as a part of capacity");
  dynamic_command->add_option("--rule", arguments.rule, "fifo or window-moves")
      ->check(CLI::IsMember({"fifo", "window-moves"}));
  dynamic_command->add_option("--seeds", arguments.seeds, "a seed or a range like 1..10");
  std::vector<std::string> lists;
  auto* feasible_command =
      app.add_subcommand("feasible", "which nodes may take each pending pod of Kubernetes lists");
  feasible_command->add_option("files", lists, "v1 Lists as JSON")->required();
  CLI11_PARSE(app, argc, argv);
  if (feasible_command->parsed()) {
    auto done = feasible::run(lists, [](const std::string& line) { fmt::print("{}\n", line); });
    return done ? 0 : report(done.error());
  }
  return openb_command->parsed() ? openb(arguments) : dynamic(arguments);
}
