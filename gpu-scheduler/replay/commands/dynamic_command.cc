#include "gpu-scheduler/replay/dynamic.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "gpu-scheduler/replay/commands/commands.h"
#include "gpu-scheduler/replay/commands/trace_options.h"
#include "gpu-scheduler/replay/progress.h"
#include "gpu-scheduler/replay/trace.h"

namespace stowage::replay {
namespace {

struct Options {
  TraceOptions trace;
  std::string seeds = "1..10";
  std::string rule = "fifo";
  double load = 0.97;
};

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
  constexpr int64_t kMostSeeds = 10'000;
  if (last < first || last - first >= kMostSeeds) {
    return fail(Code::kInvalidArgument,
                fmt::format("--seeds {}: write the smaller number first, at most 10,000 seeds", text));
  }
  std::vector<int64_t> out;
  for (int64_t seed = first; seed <= last; ++seed)
    out.push_back(seed);
  return out;
}

void print_json(const Trace& trace, const Options& options, std::string_view strategy,
                const DynamicRun& run) {
  std::string sizes;
  for (size_t i = 0; i < kSizeNames.size(); ++i) {
    sizes += fmt::format(R"({}"{}":{{"mean_s":{:.2f},"p99_s":{:.1f}}})", i == 0 ? "" : ",", kSizeNames[i],
                         run.by_size[i].mean_s, run.by_size[i].p99_s);
  }
  fmt::print(R"({{"trace":{},"seed":{},"strategy":"{}","load":{},"rule":"{}","gpu_weighted_wait_s":{:.3f},)"
             R"("longest_wait_s":{:.1f},"delivered_percent":{:.3f},"moves_percent":{:.3f},"by_size":{{{}}}}})"
             "\n",
             json_quote(trace.name), run.seed, strategy, options.load, options.rule, run.gpu_weighted_wait_s,
             run.longest_wait_s, run.delivered_percent, run.moves_percent, sizes);
}

/// Mean waits in seconds, weighted by GPUs and by size of pod.
void print_header() {
  fmt::print("{:<14} {:>5} {:<12} {:>5} {:<12} {:>9} {:>9} {:>11} {:>7}", "trace", "seed", "strategy", "load",
             "rule", "wait s", "longest s", "delivered %", "moves %");
  for (auto name : kSizeNames)
    fmt::print(" {:>8}", name == kSizeNames.front() ? std::string(name) : fmt::format("{} GPU", name));
  fmt::print("\n");
}

void print_row(const Trace& trace, const Options& options, std::string_view strategy, const DynamicRun& run) {
  fmt::print("{:<14} {:>5} {:<12} {:>5} {:<12} {:>9.2f} {:>9.0f} {:>11.2f} {:>7.2f}", trace.name, run.seed,
             strategy, options.load, options.rule, run.gpu_weighted_wait_s, run.longest_wait_s,
             run.delivered_percent, run.moves_percent);
  for (const auto& size : run.by_size)
    fmt::print(" {:>8.1f}", size.mean_s);
  fmt::print("\n");
}

Result<void> replay(const Options& options) {
  TRY(auto trace, load_trace(options.trace.files));
  TRY(auto policies, policies_for(options.trace, demand_by_lifetime(trace)));
  TRY(auto seeds, parse_range(options.seeds));
  if (!options.trace.json) print_header();
  for (const auto& policy : policies) {
    const auto strategy = to_string(policy.strategy);
    Progress progress(fmt::format("{} {} load {}", trace.name, strategy, options.load));
    for (size_t i = 0; i < seeds.size(); ++i) {
      DynamicOptions run_options{.policy = policy,
                                 .load = options.load,
                                 .rule = options.rule == "fifo" ? QueueRule::kFifo : QueueRule::kWindowMoves};
      TRY(auto run, run_dynamic(trace, seeds[i], run_options));
      options.trace.json ? print_json(trace, options, strategy, run)
                         : print_row(trace, options, strategy, run);
      std::fflush(stdout);
      progress.at(static_cast<int>((i + 1) * 100 / seeds.size()));
    }
  }
  return {};
}

}  // namespace

void add_dynamic(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("dynamic", "pods arrive, wait, run and leave: how long they wait");
  add_trace_options(*command, options->trace);
  command->add_option("--load", options->load, "offered GPU time as a part of capacity");
  command->add_option("--rule", options->rule, "fifo or window-moves")
      ->check(CLI::IsMember({"fifo", "window-moves"}));
  command->add_option("--seeds", options->seeds, "a seed or a range like 1..10");
  command->callback([options, &chosen] {
    chosen = [options] {
      auto done = replay(*options);
      return done ? kDone : report(done.error());
    };
  });
}

}  // namespace stowage::replay
