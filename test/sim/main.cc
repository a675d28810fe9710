// stowage-sim: plays schedules of the whole control plane and says which of them break an invariant.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/check.h"
#include "base/clock.h"
#include "test/sim/mutations.h"
#include "test/sim/regression.h"
#include "test/sim/runner.h"

namespace {

using namespace stowage;

/// A schedule needs some 20 MB; a seed that lets its process grow by this much is told.
constexpr int64_t kNoteworthyMb = 64;

struct Arguments {
  std::string seeds = "1..100";
  std::string crds = "crds";
  std::string mutation;
  std::string known;
  std::string store;
  std::vector<std::string> replay;
  int replicas = 2;
  int jobs = 0;
  bool mutations = false;
  bool list_mutations = false;
  bool shrink = false;
  bool logs = false;
  bool digest = false;
};

bool parse_seeds(const std::string& text, uint64_t& first, uint64_t& last) {
  return std::sscanf(text.c_str(), "%lu..%lu", &first, &last) == 2 && first <= last;
}

sim::Verdict verdict(const sim::Outcome& outcome) {
  return {.seed = outcome.seed, .violations = outcome.violations, .story = outcome.logs, .peak_mb = 0};
}

void tell(const sim::Verdict& seed, bool with_logs) {
  for (const auto& violation : seed.violations)
    fmt::print(stderr, "seed {}: {}: {}\n", seed.seed, violation.invariant, violation.what);
  if (with_logs) fmt::print(stderr, "{}", seed.story);
}

/// Of all that the processes logged and wrote, in order: two programs that play a seed alike have the same.
uint64_t digest_of(std::string_view story) {
  uint64_t hash = 14'695'981'039'346'656'037ULL;  // FNV-1a, 64 bit
  for (const char c : story)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
  return hash;
}

/// Cuts a failing schedule down, tells what is left, and stores it where asked.
void tell_shrunk(const sim::SimOptions& options, const sim::Ground& ground, const std::string& store) {
  const sim::Outcome outcome = sim::play(options, ground);
  if (outcome.violations.empty()) return;
  const auto kept = sim::shrink(options, ground, outcome, 200);
  fmt::print(stderr, "seed {}: {} of {} faults are enough:\n", outcome.seed, kept.size(),
             outcome.faults.size());
  for (const auto& fault : kept) {
    const auto at = std::chrono::duration_cast<Millis>(fault.at.time_since_epoch()).count();
    fmt::print(stderr, "  {:>8.3f}s [{}] {}\n", static_cast<double>(at) / 1000 - 3600, fault.id, fault.what);
  }
  if (store.empty()) return;
  const auto saved = sim::save_regression(store, options, outcome, kept);
  fmt::print(stderr, "{}\n", saved ? "stored as " + *saved : saved.error().to_string());
}

int play_seeds(const Arguments& arguments, const sim::Ground& ground, uint64_t first, uint64_t last) {
  const SystemClock clock;
  const MonoTime start = clock.now();
  const auto options = [&](uint64_t seed) {
    return sim::SimOptions{.seed = seed,
                           .replicas = arguments.replicas,
                           .mutation = sim::find_mutation(arguments.mutation),
                           .trace = arguments.logs || arguments.digest,
                           .digest = arguments.digest};
  };
  const auto play = [&](uint64_t seed) {
    sim::Verdict out = verdict(sim::play(options(seed), ground));
    if (arguments.digest) out.story = fmt::format("seed {}: {:016x}\n", seed, digest_of(out.story));
    return out;
  };
  size_t violations = 0;
  uint64_t played = 0;
  std::vector<uint64_t> failing;
  int64_t peak_mb = 0;
  const auto done = [&](const sim::Verdict& seed) {
    if (seed.peak_mb > peak_mb + kNoteworthyMb)
      fmt::print(stderr, "seed {}: a process holds {} MB\n", seed.seed, seed.peak_mb);
    peak_mb = std::max(peak_mb, seed.peak_mb);
    if (++played % 500 == 0) fmt::print(stderr, "{} of {} seeds\n", played, last - first + 1);
    if (arguments.digest) fmt::print("{}", seed.story);
    if (seed.violations.empty()) return;
    violations += seed.violations.size();
    tell(seed, arguments.logs);
    failing.push_back(seed.seed);
  };
  sim::run_seeds(first, last, arguments.jobs, play, done);
  const double minutes = std::chrono::duration<double>(clock.now() - start).count() / 60;
  std::ranges::sort(failing);
  if (arguments.shrink && !failing.empty()) tell_shrunk(options(failing.front()), ground, arguments.store);
  fmt::print("{}\n", nlohmann::json{{"seeds", last - first + 1},
                                    {"violations", violations},
                                    {"failing", failing},
                                    {"peak_mb", peak_mb},
                                    {"schedules_per_minute",
                                     static_cast<int64_t>(static_cast<double>(last - first + 1) / minutes)}}
                         .dump());
  return violations == 0 ? 0 : 1;
}

int replay(const Arguments& arguments, const sim::Ground& ground) {
  size_t violations = 0;
  for (const std::string& path : arguments.replay) {
    auto options = sim::load_regression(path);
    if (options) options->trace = options->digest = arguments.logs;
    if (!options) {
      fmt::print(stderr, "{}\n", options.error().to_string());
      return 2;
    }
    const sim::Outcome outcome = sim::play(*options, ground);
    tell(verdict(outcome), arguments.logs);
    violations += outcome.violations.size();
    fmt::print(stderr, "{}: {}\n", path, outcome.violations.empty() ? "holds" : "BROKEN");
  }
  fmt::print("{}\n",
             nlohmann::json{{"regressions", arguments.replay.size()}, {"violations", violations}}.dump());
  return violations == 0 ? 0 : 1;
}

/// A seeded bug and the seeds that may catch it, in the order in which they are played.
struct Hunt {
  const sim::Mutation* mutation;
  std::vector<uint64_t> seeds;
};

std::vector<Hunt> hunts(const Arguments& arguments, uint64_t first, uint64_t last) {
  std::vector<Hunt> out;
  std::vector<uint64_t> range(last - first + 1);
  std::iota(range.begin(), range.end(), first);
  if (!arguments.known.empty()) {
    std::ifstream in(arguments.known);
    std::string name;
    for (uint64_t seed = 0; in >> name >> seed;) {
      const auto* mutation = sim::find_mutation(name);
      STOWAGE_CHECK(mutation != nullptr, name + " in " + arguments.known + " is no seeded bug");
      out.push_back({mutation, range});
      out.back().seeds.insert(out.back().seeds.begin(), seed);
    }
    return out;
  }
  for (const sim::Mutation& mutation : sim::mutations()) {
    if (arguments.mutation.empty() || arguments.mutation == mutation.name) out.push_back({&mutation, range});
  }
  return out;
}

/// Every seeded bug in turn, until a seed catches it. The table is for people, the last line for scripts.
int try_mutations(const Arguments& arguments, const sim::Ground& ground, const std::vector<Hunt>& all) {
  std::vector<std::string> rows(all.size());
  std::vector<std::string> escaped;
  const auto hunt = [&](uint64_t index) {
    sim::Verdict out{.seed = index, .violations = {}, .story = {}, .peak_mb = 0};
    const Hunt& hunt = all[index];
    for (const uint64_t seed : hunt.seeds) {
      if (!out.violations.empty()) break;
      const sim::Outcome outcome =
          sim::play({.seed = seed, .replicas = arguments.replicas, .mutation = hunt.mutation}, ground);
      out.violations = outcome.violations;
      out.story = std::to_string(seed);
    }
    return out;
  };
  sim::run_seeds(0, all.size() - 1, arguments.jobs, hunt, [&](const sim::Verdict& found) {
    const std::string& name = all[found.seed].mutation->name;
    const bool caught = !found.violations.empty();
    if (!caught) escaped.push_back(name);
    rows[found.seed] =
        fmt::format("{:<28} {:<6} {:<6} {}", name, caught ? found.violations[0].invariant : "-",
                    caught ? found.story : "-", caught ? found.violations[0].what : "NOT CAUGHT");
  });
  fmt::print("{:<28} {:<6} {:<6} {}\n", "mutation", "by", "seed", "what was seen");
  for (const std::string& row : rows)
    fmt::print("{}\n", row.substr(0, 200));
  std::ranges::sort(escaped);
  fmt::print(
      "{}\n",
      nlohmann::json{{"mutations", all.size()}, {"caught", all.size() - escaped.size()}, {"escaped", escaped}}
          .dump());
  return escaped.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Plays the whole control plane under virtual time with seeded faults and checks its invariants."};
  Arguments arguments;
  app.add_option("--seeds", arguments.seeds, "A..B, both played");
  app.add_option("--replicas", arguments.replicas, "replicas of operator and of scheduler")
      ->check(CLI::Range(1, 9));
  app.add_option("--jobs", arguments.jobs, "worker processes; 0 = one a core")->check(CLI::Range(0, 256));
  app.add_option("--crds", arguments.crds, "folder of the CustomResourceDefinitions")
      ->check(CLI::ExistingDirectory);
  app.add_option("--mutation", arguments.mutation, "play with this seeded bug (--list-mutations)");
  app.add_flag("--mutations", arguments.mutations,
               "hunt each seeded bug (or the one of --mutation) over --seeds and print who caught it");
  app.add_option(
         "--known", arguments.known,
         "file of \"NAME SEED\": hunt each of these seeded bugs at that seed first, then over --seeds")
      ->check(CLI::ExistingFile);
  app.add_flag("--list-mutations", arguments.list_mutations, "names of the seeded bugs");
  app.add_option("--replay", arguments.replay, "stored regressions to play")->check(CLI::ExistingFile);
  app.add_flag("--shrink", arguments.shrink, "cut the first failing seed down to the faults that matter");
  app.add_option("--store", arguments.store, "folder for the shrunk schedule, as a regression");
  app.add_flag("--logs", arguments.logs,
               "print the logs of failing seeds and of all regressions, and what they wrote when");
  app.add_flag(
      "--digest", arguments.digest,
      "print for each seed a digest of all that was logged and written: equal where two builds agree");
  CLI11_PARSE(app, argc, argv);
  if (arguments.list_mutations) {
    for (const auto& mutation : sim::mutations())
      fmt::print("{:<28} {}\n", mutation.name, mutation.what);
    return 0;
  }
  uint64_t first = 0;
  uint64_t last = 0;
  if (!parse_seeds(arguments.seeds, first, last)) {
    fmt::print(stderr, "--seeds {}: write A..B with A <= B, such as 1..1000\n", arguments.seeds);
    return 2;
  }
  if (!arguments.mutation.empty() && sim::find_mutation(arguments.mutation) == nullptr) {
    fmt::print(stderr, "--mutation {}: unknown; --list-mutations names them\n", arguments.mutation);
    return 2;
  }
  if (arguments.jobs == 0) arguments.jobs = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  const auto ground = sim::make_ground(arguments.crds);
  if (!ground) {
    fmt::print(stderr, "{}\n", ground.error().to_string());
    return 2;
  }
  if (!arguments.replay.empty()) return replay(arguments, *ground);
  if (arguments.mutations || !arguments.known.empty())
    return try_mutations(arguments, *ground, hunts(arguments, first, last));
  return play_seeds(arguments, *ground, first, last);
}
