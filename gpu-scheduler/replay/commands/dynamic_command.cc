#include "gpu-scheduler/replay/dynamic.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
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
  std::string seeds = "1..10";
  std::string rule = "fifo";
  double load = 0.97;
  std::string html;
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

/// All runs so far as a page; plots of waits and heat maps are those of a strategy's first seed.
class Page {
 public:
  Page(const Trace& trace, const Options& options) : trace_(&trace) {
    report_.title = fmt::format("{}: load {}, {}", trace.name, options.load, options.rule);
    report_.lead = fmt::format(
        "Pods arrive at random for 8 hours on {} GPUs of {} nodes, wait where they do not fit, run and "
        "leave. "
        "Those of the last 4 hours are measured; waits in seconds.",
        trace.capacity_milli() / engine::kWholeDevice, trace.nodes.size());
    report_.table.head = {"strategy", "seed", "wait by GPU", "longest", "delivered %", "moves %"};
    for (const auto name : kSizeNames)
      report_.table.head.push_back(name == kSizeNames.front() ? std::string(name)
                                                              : fmt::format("{} GPU", name));
    report_.plots = {{"Allocated GPU", "hours", "allocated, % of capacity", {}},
                     {"Expected fragmentation", "hours", "free but unusable GPU, % of capacity", {}}};
  }

  void add(std::string strategy, const DynamicRun& run) {
    const std::string name = fmt::format("{}, seed {}", strategy, run.seed);
    report_.table.rows.push_back(
        {strategy, std::to_string(run.seed), fmt::format("{:.2f}", run.gpu_weighted_wait_s),
         fmt::format("{:.0f}", run.longest_wait_s), fmt::format("{:.2f}", run.delivered_percent),
         fmt::format("{:.2f}", run.moves_percent)});
    for (const auto& size : run.by_size)
      report_.table.rows.back().push_back(fmt::format("{:.1f}", size.mean_s));
    PlotLine allocated{name, strategy, {}};
    PlotLine fragmentation{name, strategy, {}};
    for (const auto& point : run.points) {
      allocated.points.emplace_back(point.hours, point.allocated_percent);
      fragmentation.points.emplace_back(point.hours, point.fragmentation_percent);
    }
    report_.plots[0].lines.push_back(std::move(allocated));
    report_.plots[1].lines.push_back(std::move(fragmentation));
    if (!detailed_.insert(strategy).second) return;
    Plot waits{fmt::format("Waits by size of pod: {}", name), "pods that waited at most so long, %", "s", {}};
    for (size_t i = 0; i < kSizeNames.size(); ++i) {
      const std::string size = i == 0 ? std::string(kSizeNames[i]) : fmt::format("{} GPU", kSizeNames[i]);
      PlotLine line{size, size, {}};
      for (size_t at = 0; at < run.by_size[i].percentiles_s.size(); ++at)
        line.points.emplace_back(static_cast<double>(at), run.by_size[i].percentiles_s[at]);
      if (!line.points.empty()) waits.lines.push_back(std::move(line));
    }
    report_.plots.push_back(std::move(waits));
    report_.maps.push_back(heat_map(fmt::format("GPUs after 8 hours: {}", name), *trace_, run.devices));
  }

  [[nodiscard]] const HtmlReport& report() const { return report_; }

 private:
  HtmlReport report_;
  const Trace* trace_;
  std::set<std::string> detailed_;
};

Result<void> replay(const Options& options) {
  TRY(auto trace, load_trace(options.trace.files));
  TRY(auto policies, policies_for(options.trace, demand_by_lifetime(trace)));
  TRY(auto seeds, parse_range(options.seeds));
  if (!options.trace.json) print_header();
  Page page(trace, options);
  for (const auto& policy : policies) {
    const auto strategy = to_string(policy.strategy);
    Progress progress(fmt::format("{} {} load {}", trace.name, strategy, options.load));
    for (size_t i = 0; i < seeds.size(); ++i) {
      DynamicOptions run_options{.policy = policy,
                                 .load = options.load,
                                 .rule = options.rule == "fifo" ? QueueRule::kFifo : QueueRule::kWindowMoves,
                                 .series = !options.html.empty(),
                                 .progress = {}};
      run_options.progress = [&](int percent) {
        progress.at(static_cast<int>((i * 100 + static_cast<size_t>(percent)) / seeds.size()));
      };
      TRY(auto run, run_dynamic(trace, seeds[i], run_options));
      options.trace.json ? print_json(trace, options, strategy, run)
                         : print_row(trace, options, strategy, run);
      std::fflush(stdout);
      if (!options.html.empty()) page.add(std::string(strategy), run);
    }
  }
  if (!options.html.empty()) return kube::write_text_file(options.html, to_html(page.report()));
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
  command->add_option("--html", options->html, "writes plots and a heat map of the GPUs into this file");
  command->callback([options, &chosen] {
    chosen = [options] {
      auto done = replay(*options);
      return done ? kDone : report(done.error());
    };
  });
}

}  // namespace stowage::replay
