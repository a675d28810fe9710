#include "test/sim/schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "test/sim/recount.h"
#include "test/sim/story.h"

namespace stowage::sim {
namespace {

/// Mostly short, so that acts meet each other's consequences; at times everything comes to rest between two.
Millis pause(Random& random) {
  const uint64_t most = random.below(5) == 0 ? 25'000 : random.below(2) == 0 ? 6'000 : 600;
  return Millis{static_cast<int64_t>(random.below(most))};
}

/// Until nothing but leases was written for longer than statuses and events are held back (30 s).
bool rest(SimWorld& world) {
  constexpr Millis kHeldBack{35'000};
  constexpr Millis kLook{1'000};
  Millis quiet{0};
  for (Millis passed{0}; passed < 6 * kHeldBack; passed += kLook) {
    const size_t before = world.checker().writes();
    world.run_for(kLook);
    const bool stopping = std::ranges::any_of(world.checker().pods(),
                                              [](const auto& entry) { return entry.second.terminating(); });
    quiet = world.checker().writes() == before && !stopping ? quiet + kLook : Millis{0};
    if (quiet >= kHeldBack) return true;
  }
  return false;
}

void check_caches(SimWorld& world) {
  for (const auto& process : world.processes()) {
    if (process->dead()) continue;
    for (const std::string& line : recount(process->role(), process->component(), world.checker()))
      world.checker().report("I11", process->name() + ": " + line);
  }
}

void check_secrecy(SimWorld& world) {
  for (const auto& process : world.processes()) {
    for (const auto& entry : process->log().entries()) {
      for (const auto& [key, value] : entry.fields)
        world.checker().check_secrecy("the log of " + process->name(), value);
    }
  }
}

void end(SimWorld& world, Story& story, uint64_t seed) {
  Checker& checker = world.checker();
  if (!world.run_until([&] { return story.not_ready().empty(); }, Millis{600'000}))
    return checker.report("I13", "ten minutes after the faults have ended: " + story.not_ready());
  if (!rest(world)) return checker.report("I8", "it never comes to rest");
  const MonoTime now = world.time().clock().now();
  const WallTime wall = world.time().clock().wall();
  checker.at_rest(now, wall);
  check_caches(world);
  if (const std::string broken = story.not_ready(); !broken.empty())
    checker.report("I13", "was well and is no longer: " + broken);
  // One schedule in 32 outlives its watches (300 to 600 s) and meets their re-opening.
  if (seed % 32 != 0) return;
  checker.expect_silence(true);
  world.run_for(Millis{700'000});
  checker.expect_silence(false);
}

/// What happened and what was written, in order, when it was asked for.
std::string timeline(SimWorld& world) {
  Checker::Traced lines = world.checker().traced();
  if (lines.empty()) return {};
  for (const Fault& fault : world.plan().faults())
    lines.emplace_back(fault.at, fmt::format("* [{}] {}", fault.id, fault.what));
  std::ranges::stable_sort(lines, {}, &Checker::Traced::value_type::first);
  std::string out;
  for (const auto& [at, line] : lines) {
    const auto since = std::chrono::duration_cast<Millis>(at - SimWorld::kStart).count();
    out += fmt::format("{:>9.3f} {}\n", static_cast<double>(since) / 1000, line);
  }
  return out;
}

}  // namespace

Outcome play(const SimOptions& options, const Ground& ground) {
  SimWorld world(options, ground);
  Story story(world);
  story.begin();
  for (int i = 0; i < 8; ++i) {
    world.run_for(pause(world.chance()));
    story.act();
  }
  world.run_for(Millis{6'000});
  world.calm();
  story.make_room();
  end(world, story, options.seed);
  world.stop();
  check_secrecy(world);
  Outcome outcome{.seed = options.seed,
                  .violations = world.checker().violations(),
                  .faults = world.plan().faults(),
                  .writes = world.checker().writes(),
                  .logs = {}};
  if (!outcome.violations.empty() || options.digest) outcome.logs = world.logs() + timeline(world);
  return outcome;
}

std::vector<Fault> shrink(SimOptions options, const Ground& ground, const Outcome& failing, int most_runs) {
  const std::string invariant = failing.violations.front().invariant;
  std::vector<Fault> kept = failing.faults;
  const auto fails_with = [&](const std::vector<Fault>& on) {
    options.only.emplace();
    for (const Fault& fault : on)
      options.only->insert(fault.id);
    const Outcome outcome = play(options, ground);
    return std::ranges::any_of(outcome.violations, [&](const auto& v) { return v.invariant == invariant; });
  };
  for (size_t chunk = std::max<size_t>(1, kept.size() / 2); most_runs > 0 && !kept.empty();) {
    bool smaller = false;
    for (size_t start = 0; start < kept.size() && most_runs > 0;) {
      std::vector<Fault> without = kept;
      const auto from = without.begin() + static_cast<std::ptrdiff_t>(start);
      without.erase(from, from + static_cast<std::ptrdiff_t>(std::min(chunk, kept.size() - start)));
      --most_runs;
      if (fails_with(without)) {
        kept = std::move(without);
        smaller = true;
      } else {
        start += chunk;
      }
    }
    if (chunk == 1 && !smaller) break;
    if (!smaller) chunk = std::max<size_t>(1, chunk / 2);
  }
  return kept;
}

}  // namespace stowage::sim
