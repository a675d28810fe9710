#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "gpu-scheduler/replay/commands/commands.h"
#include "gpu-scheduler/replay/commands/trace_options.h"
#include "gpu-scheduler/replay/scenario.h"

namespace stowage::replay {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> strategies;
  std::string policy;
  std::string profiles;
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
  for (const auto& policy : policies) {
    const auto strategy = to_string(policy.strategy);
    TRY(const auto run, run_scenario(scenario, policy));
    options.json ? print_json(scenario, strategy, run) : print_table(scenario, strategy, run);
    for (const auto& sentence : run.unmet)
      fmt::print(stderr, "{}: {}\n", strategy, sentence);
    if (!run.unmet.empty()) result = kUnmet;
  }
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
  command->add_flag("--json", options->json, "one JSON object a strategy");
  command->callback([options, &chosen] {
    chosen = [options] {
      auto done = play(*options);
      return done ? *done : report(done.error());
    };
  });
}

}  // namespace stowage::replay
