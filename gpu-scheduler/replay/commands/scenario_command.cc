#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "gpu-scheduler/replay/commands/commands.h"
#include "gpu-scheduler/replay/commands/trace_options.h"
#include "gpu-scheduler/replay/html_report.h"
#include "gpu-scheduler/replay/scenario.h"
#include "kube/runtime/text_file.h"

namespace stowage::replay {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> strategies;
  std::string policy;
  std::string profiles;
  std::string html;
  bool json = false;
};

double seconds(Millis at) {
  return static_cast<double>(at.count()) / 1000;
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  out.reserve(texts.size());
  for (const auto& text : texts)
    out.push_back(json_quote(text));
  return fmt::format("[{}]", fmt::join(out, ","));
}

void print_json(const Scenario& scenario, std::string_view strategy, const ScenarioRun& run) {
  std::vector<std::string> events;
  events.reserve(run.events.size());
  for (const auto& event : run.events) {
    events.push_back(fmt::format(R"({{"at_s":{},"name":{},"what":"{}","nodes":{},"reason":{}}})",
                                 seconds(event.at), json_quote(event.name), to_string(event.what),
                                 quoted_list(event.nodes), json_quote(event.reason)));
  }
  fmt::print(
      R"({{"scenario":{},"strategy":"{}","placed":{},"waiting":{},"left":{},"allocated_percent":{:.3f},)"
      R"("expectations":{},"unmet":{},"events":[{}]}})"
      "\n",
      json_quote(scenario.name), strategy, run.placed, run.waiting, run.left, run.allocated_percent,
      scenario.expectations.size(), quoted_list(run.unmet), fmt::join(events, ","));
}

/// What happened, then the sums.
void print_table(const Scenario& scenario, std::string_view strategy, const ScenarioRun& run) {
  fmt::print("{} with {}\n{:>10} {:<24} {:<7} {}\n", scenario.name, strategy, "time s", "pod or gang", "",
             "");
  for (const auto& event : run.events) {
    fmt::print("{:>10} {:<24} {:<7} {}\n", seconds(event.at), event.name, to_string(event.what),
               event.nodes.empty() ? event.reason : fmt::format("{}", fmt::join(event.nodes, ", ")));
  }
  fmt::print(
      "at {} s: {} placed, {} waiting, {} left; {:.1f} % of the GPUs allocated; {} of {} expectations met\n",
      seconds(scenario.until), run.placed, run.waiting, run.left, run.allocated_percent,
      scenario.expectations.size() - static_cast<size_t>(run.failed), scenario.expectations.size());
}

/// A line a strategy over time, and the GPUs at the end of each.
Result<void> write_html(const Options& options, const Scenario& scenario,
                        const std::vector<std::pair<std::string, ScenarioRun>>& runs) {
  HtmlReport report{
      .title = scenario.name,
      .lead = fmt::format("{} nodes, {} kinds of pods, until {} s; {} expectations.", scenario.nodes.size(),
                          scenario.pods.size(), seconds(scenario.until), scenario.expectations.size()),
      .table = {.head = {"strategy", "placed", "waiting", "left", "GPUs allocated %", "not met"}, .rows = {}},
      .plots =
          {{.title = "Allocated GPU", .x_label = "seconds", .y_label = "allocated, % of GPUs", .lines = {}},
           {.title = "Expected fragmentation",
            .x_label = "seconds",
            .y_label = "free but unusable GPU, % of GPUs",
            .lines = {}}},
      .maps = {}};
  for (const auto& [strategy, run] : runs) {
    report.table.rows.push_back({strategy, std::to_string(run.placed), std::to_string(run.waiting),
                                 std::to_string(run.left), fmt::format("{:.1f}", run.allocated_percent),
                                 std::to_string(run.failed)});
    PlotLine allocated{strategy, strategy, {}};
    PlotLine fragmented{strategy, strategy, {}};
    for (size_t i = 0; i <= run.points.size() && !run.points.empty(); ++i) {
      // Steps: what holds after one instant holds until the next, the last until the end.
      const auto& point = run.points[i == 0 ? 0 : i - 1];
      const double to = seconds(i < run.points.size() ? run.points[i].at : scenario.until);
      if (i > 0) allocated.points.emplace_back(to, point.allocated_percent);
      if (i > 0) fragmented.points.emplace_back(to, point.fragmentation_percent);
      if (i == run.points.size()) break;
      allocated.points.emplace_back(to, run.points[i].allocated_percent);
      fragmented.points.emplace_back(to, run.points[i].fragmentation_percent);
    }
    report.plots[0].lines.push_back(std::move(allocated));
    report.plots[1].lines.push_back(std::move(fragmented));
    HeatMap map{.title = fmt::format("GPUs at the end: {}", strategy), .nodes = {}};
    for (const auto& devices : run.devices)
      map.nodes.push_back({devices.node, devices.product, devices.free});
    report.maps.push_back(std::move(map));
  }
  return kube::write_text_file(options.html, to_html(report));
}

/// One policy a strategy: the file's, or that of --policy, with the scenario's pods as typical demand.
Result<std::vector<engine::Policy>> policies_of(const Options& options, const Scenario& scenario) {
  engine::Policy base = scenario.policy.policy;
  TRY(base.model, engine::DemandModel::build(demand_of(scenario)));
  return one_a_strategy(std::move(base), options.strategies);
}

Result<int> play(const Options& options) {
  TRY(auto scenario, load_scenario(options.file, options.profiles));
  if (!options.policy.empty()) {
    // Its weights; topology levels are those that the file was read with.
    TRY(auto policy, load_policy(options.policy));
    scenario.policy.policy = std::move(policy.policy);
  }
  TRY(const auto policies, policies_of(options, scenario));
  int result = kDone;
  std::vector<std::pair<std::string, ScenarioRun>> runs;
  for (const auto& policy : policies) {
    const auto strategy = to_string(policy.strategy);
    TRY(auto run, run_scenario(scenario, policy));
    options.json ? print_json(scenario, strategy, run) : print_table(scenario, strategy, run);
    for (const auto& sentence : run.unmet)
      fmt::print(stderr, "{}: {}\n", strategy, sentence);
    if (!run.unmet.empty()) result = kUnmet;
    runs.emplace_back(strategy, std::move(run));
  }
  if (!options.html.empty()) TRY_VOID(write_html(options, scenario, runs));
  return result;
}

}  // namespace

void add_scenario(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("scenario", "a small world in one file: who is placed when and where");
  command->add_option("file", options->file, "the scenario (YAML)")->required();
  command
      ->add_option(
          "--strategy", options->strategies,
          "BestFit, FGD, Packability or Spread; several, separated by commas, play one after the other")
      ->delimiter(',');
  command->add_option("--policy", options->policy, "a SchedulingPolicy (YAML) instead of the file's");
  command->add_option("--profiles", options->profiles, "folder of node profiles");
  command->add_option("--html", options->html, "a page with plots and a map of the GPUs, for a browser");
  command->add_flag("--json", options->json, "one JSON object a strategy");
  command->callback([options, &chosen] {
    chosen = [options] {
      auto done = play(*options);
      return done ? *done : report(done.error());
    };
  });
}

}  // namespace stowage::replay
