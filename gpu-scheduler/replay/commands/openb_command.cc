#include "gpu-scheduler/replay/openb.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "gpu-scheduler/replay/commands/commands.h"
#include "gpu-scheduler/replay/commands/trace_options.h"
#include "gpu-scheduler/replay/html_report.h"
#include "gpu-scheduler/replay/progress.h"
#include "gpu-scheduler/replay/trace.h"
#include "kube/runtime/text_file.h"

namespace stowage::replay {
namespace {

struct Options {
  TraceOptions trace;
  std::string seed = "all";
  int32_t window = 0;
  double move_percent = 0;
  std::string html;
};

void print_json(const Trace& trace, const Options& options, std::string_view strategy, const OpenbRun& run) {
  fmt::print(R"({{"trace":{},"seed":{},"strategy":"{}","window":{},"moves":{},"allocation_at_100":{:.4f},)"
             R"("allocation_at_130":{:.4f},"seconds":{:.3f}}})"
             "\n",
             json_quote(trace.name), run.seed, strategy, options.window, run.moves, run.allocation_at_100,
             run.allocation_at_130, run.seconds);
}

/// Allocated GPU in % of capacity, one line a run and the means below.
void print_header() {
  fmt::print("{:<14} {:>6} {:<12} {:>6} {:>6} {:>9} {:>9} {:>10} {:>8}\n", "trace", "seed", "strategy",
             "window", "moves", "% at 100", "% at 130", "not placed", "seconds");
}

void print_row(const Trace& trace, const Options& options, std::string_view strategy, const OpenbRun& run) {
  fmt::print("{:<14} {:>6} {:<12} {:>6} {:>6} {:>9.2f} {:>9.2f} {:>10} {:>8.2f}\n", trace.name, run.seed,
             strategy, options.window, run.moves, run.allocation_at_100, run.allocation_at_130, run.failed,
             run.seconds);
}

void print_mean(const Trace& trace, std::string_view strategy, const std::vector<OpenbRun>& runs) {
  if (runs.size() < 2) return;
  double at_100 = 0;
  double at_130 = 0;
  for (const auto& run : runs) {
    at_100 += run.allocation_at_100;
    at_130 += run.allocation_at_130;
  }
  const auto count = static_cast<double>(runs.size());
  fmt::print("{:<14} {:>6} {:<12} {:>6} {:>6} {:>9.2f} {:>9.2f}\n", trace.name, "mean", strategy, "", "",
             at_100 / count, at_130 / count);
}

/// All runs so far as a page; the heat map of a strategy is that of its first seed.
class Page {
 public:
  Page(const Trace& trace, const Options& options) : trace_(&trace) {
    report_.title = fmt::format("{}: {} GPUs on {} nodes", trace.name,
                                trace.capacity_milli() / engine::kWholeDevice, trace.nodes.size());
    report_.lead = fmt::format(
        "Pods arrive one by one and never leave; a pod that does not fit is not tried again. Window {}, "
        "moves {} %.",
        options.window, options.move_percent);
    report_.table.head = {"strategy", "seed", "moves", "% at 100 %", "% at 130 %", "not placed", "seconds"};
    const std::string arrivals = "arrived GPU demand, % of capacity";
    report_.plots = {{"Allocated GPU", arrivals, "allocated, % of capacity", {}},
                     {"Allocated GPU, close up", arrivals, "allocated, % of capacity", {}},
                     {"Expected fragmentation", arrivals, "free but unusable GPU, % of capacity", {}}};
  }

  void add(std::string strategy, const OpenbRun& run) {
    const std::string name = fmt::format("{}, seed {}", strategy, run.seed);
    report_.table.rows.push_back({strategy, std::to_string(run.seed), std::to_string(run.moves),
                                  fmt::format("{:.2f}", run.allocation_at_100),
                                  fmt::format("{:.2f}", run.allocation_at_130), std::to_string(run.failed),
                                  fmt::format("{:.2f}", run.seconds)});
    constexpr int32_t kCloseUpFrom = 90;
    PlotLine allocated{name, strategy, {}};
    PlotLine close_up{name, strategy, {}};
    PlotLine fragmentation{name, strategy, {}};
    for (const auto& point : run.points) {
      allocated.points.emplace_back(point.arrived_percent, point.allocated_percent);
      fragmentation.points.emplace_back(point.arrived_percent, point.fragmentation_percent);
      if (point.arrived_percent >= kCloseUpFrom) close_up.points.push_back(allocated.points.back());
    }
    report_.plots[0].lines.push_back(std::move(allocated));
    report_.plots[1].lines.push_back(std::move(close_up));
    report_.plots[2].lines.push_back(std::move(fragmentation));
    if (!mapped_.insert(strategy).second) return;
    report_.maps.push_back(heat_map(fmt::format("GPUs at the end: {}", name), *trace_, run.devices));
  }

  [[nodiscard]] const HtmlReport& report() const { return report_; }

 private:
  HtmlReport report_;
  const Trace* trace_;
  std::set<std::string> mapped_;
};

Result<std::vector<int64_t>> seeds_of(const Options& options, const Trace& trace) {
  std::vector<int64_t> out;
  for (const auto& [seed, order] : trace.order) {
    if (options.seed == "all" || std::to_string(seed) == options.seed) out.push_back(seed);
  }
  if (out.empty())
    return fail(Code::kNotFound,
                fmt::format("--seed {}: not in {}", options.seed, options.trace.files.order));
  for (int64_t seed : out) {
    if (trace.noderank.contains(seed)) continue;
    return fail(Code::kNotFound, fmt::format("{}: no line of seed {}, which {} has",
                                             options.trace.files.noderank, seed, options.trace.files.order));
  }
  return out;
}

Result<void> replay(const Options& options) {
  TRY(auto trace, load_trace(options.trace.files));
  TRY(auto policies, policies_for(options.trace, typical_pods(trace)));
  TRY(auto seeds, seeds_of(options, trace));
  if (!options.trace.json) print_header();
  Page page(trace, options);
  for (const auto& policy : policies) {
    const auto strategy = to_string(policy.strategy);
    std::vector<OpenbRun> runs;
    for (int64_t seed : seeds) {
      OpenbOptions run_options{
          .policy = policy,
          .window = options.window,
          .move_permyriad = static_cast<int32_t>(std::lround(options.move_percent * 100)),
          .fragmentation = !options.html.empty()};
      Progress progress(fmt::format("{} seed {} {}", trace.name, seed, strategy));
      TRY(auto run, run_openb(trace, seed, run_options, [&](int percent) { progress.at(percent); }));
      page.add(std::string(strategy), run);
      runs.push_back(std::move(run));
      options.trace.json ? print_json(trace, options, strategy, runs.back())
                         : print_row(trace, options, strategy, runs.back());
      std::fflush(stdout);
    }
    if (!options.trace.json) print_mean(trace, strategy, runs);
  }
  if (!options.html.empty()) return kube::write_text_file(options.html, to_html(page.report()));
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
  command->add_option("--html", options->html, "writes plots and a heat map of the GPUs into this file");
  command->callback([options, &chosen] {
    chosen = [options] {
      auto done = replay(*options);
      return done ? kDone : report(done.error());
    };
  });
}

}  // namespace stowage::replay
