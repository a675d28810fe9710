// stowage-sim --seeds A..B: plays schedules and says which of them break an invariant.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sandbox/control_plane/roles.h"
#include "test/sim/schedule.h"

namespace {

using namespace stowage;

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

/// What stands in the cluster before anything runs: target path in the first line, then the object.
std::vector<std::string> manifests(const std::filesystem::path& crds) {
  std::vector<std::string> out;
  for (const char* name : {"default", "stowage-system"}) {
    out.push_back(fmt::format(
        "/api/v1/namespaces\n{{apiVersion: v1, kind: Namespace, metadata: {{name: {}}}}}\n", name));
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(crds)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const auto& file : files) {
    out.push_back("/apis/apiextensions.k8s.io/v1/customresourcedefinitions\n" + read(file));
  }
  return out;
}

std::vector<sim::Role> roles() {
  return {sandbox::operator_role(), sandbox::scheduler_role()};
}

void tell(const sim::Outcome& outcome, bool with_logs) {
  for (const auto& violation : outcome.violations) {
    fmt::print(stderr, "seed {}: {}: {}\n", outcome.seed, violation.invariant, violation.what);
  }
  if (with_logs) fmt::print(stderr, "{}", outcome.logs);
}

void tell_shrunk(const sim::SimOptions& options, const std::vector<std::string>& objects,
                 const sim::Outcome& outcome) {
  const auto kept = sim::shrink(options, roles(), objects, outcome, 200);
  fmt::print(stderr, "seed {}: {} of {} faults are enough:\n", outcome.seed, kept.size(),
             outcome.faults.size());
  for (const auto& fault : outcome.faults) {
    if (!std::ranges::binary_search(kept, fault.number)) continue;
    const auto at = std::chrono::duration_cast<Millis>(fault.at.time_since_epoch()).count();
    fmt::print(stderr, "  {:>8.3f}s #{} {}\n", static_cast<double>(at) / 1000 - 3600, fault.number,
               fault.what);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Plays the whole control plane under virtual time with seeded faults and checks its invariants."};
  std::string seeds = "1..100";
  std::string crds = "crds";
  int replicas = 2;
  bool shrink = false;
  bool logs = false;
  app.add_option("--seeds", seeds, "A..B, both played");
  app.add_option("--replicas", replicas, "replicas of operator and of scheduler")->check(CLI::Range(1, 9));
  app.add_option("--crds", crds, "folder of the CustomResourceDefinitions")->check(CLI::ExistingDirectory);
  app.add_flag("--shrink", shrink, "cut the first failing seed down to the faults that matter");
  app.add_flag("--logs", logs, "print the logs of failing seeds");
  CLI11_PARSE(app, argc, argv);
  uint64_t first = 0;
  uint64_t last = 0;
  if (std::sscanf(seeds.c_str(), "%lu..%lu", &first, &last) != 2 || last < first) {
    fmt::print(stderr, "--seeds {}: write A..B with A <= B, such as 1..1000\n", seeds);
    return 2;
  }

  const auto objects = manifests(crds);
  const SystemClock clock;
  const MonoTime start = clock.now();
  size_t violations = 0;
  nlohmann::json failing = nlohmann::json::array();
  for (uint64_t seed = first; seed <= last; ++seed) {
    const sim::SimOptions options{.seed = seed, .replicas = replicas};
    const sim::Outcome outcome = sim::play(options, roles(), objects);
    if ((seed - first + 1) % 100 == 0)
      fmt::print(stderr, "{} of {} seeds\n", seed - first + 1, last - first + 1);
    if (outcome.violations.empty()) continue;
    violations += outcome.violations.size();
    tell(outcome, logs);
    if (shrink && failing.empty()) tell_shrunk(options, objects, outcome);
    failing.push_back(seed);
  }
  const double minutes = std::chrono::duration<double>(clock.now() - start).count() / 60;
  const auto count = last - first + 1;
  fmt::print("{}\n", nlohmann::json{{"seeds", count},
                                    {"violations", violations},
                                    {"failing", failing},
                                    {"schedules_per_minute",
                                     static_cast<int64_t>(static_cast<double>(count) / minutes)}}
                         .dump());
  return violations == 0 ? 0 : 1;
}
