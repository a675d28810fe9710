#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/preempt.h"
#include "gpu-scheduler/engine/transaction.h"
#include "test/bench/events/checks.h"
#include "test/bench/events/draw.h"
#include "test/support/would_fit.h"

/// Random worlds by hand, for long: placements, removals, chains of preemptions, rollbacks, forks,
/// relaxations taken at their word, more room, the same world built anew. After every event nothing is
/// oversubscribed, no gang is partial and what was undone is as before. The first violation ends the run with
/// its seed.
namespace stowage::engine::events {
namespace {

constexpr int kEventsAWorld = 400;
constexpr size_t kMostGangs = 10;

/// What happened, so that a run without a violation can be seen to have tried something.
struct Counts {
  int64_t placed = 0;
  int64_t refused = 0;
  int64_t promises = 0;
  int64_t preemptions = 0;
  int64_t victims = 0;
  int64_t longest_chain = 0;
  int64_t roomier = 0;
  int64_t built_anew = 0;
};

class World {
 public:
  World(uint64_t seed, Counts& counts) : draw_(seed), policy_(draw_.policy()), counts_(counts) {
    const auto nodes = 4 + draw_.below(12);
    for (uint64_t i = 0; i < nodes; ++i) {
      if (!state_.upsert_node(draw_.node(i))) broken_ = "a node is refused";
    }
    state_.set_namespace("a", {});
    state_.set_namespace("b", {});
    state_.set_budget("b0", 1);
    state_.set_budget("b1", 3);
  }

  /// Empty, or what is wrong after one more event.
  std::string step(int event) {
    if (!broken_.empty()) return broken_;
    now_ += 1 + static_cast<int64_t>(draw_.below(20));
    const Demand wanted = draw_.demand(state_, "ns/d" + std::to_string(event));
    std::string wrong = happen(wanted);
    if (wrong.empty() && live_.size() > kMostGangs)
      leave(std::next(live_.begin(), static_cast<int64_t>(draw_.below(live_.size())))->first);
    return wrong.empty() ? checked() : wrong;
  }

 private:
  std::string happen(const Demand& wanted) {
    switch (draw_.below(8)) {
      case 0:
        return undone(wanted);
      case 1:
        return chain(wanted);
      case 2:
        return promised(wanted);
      case 3:
        return with_more_room(wanted);
      case 4:
        return as_built_anew(wanted);
      case 5:
        change_a_node();
        [[fallthrough]];
      default:
        return placed(wanted);
    }
  }

  Decision place_in(ClusterState& state, const Demand& wanted) {
    auto budget = WorkBudget::unlimited();
    return place(state, wanted, policy_, budget);
  }

  /// The decision of the world at hand, which keeps it; a fork must decide the same.
  std::string placed(const Demand& wanted) {
    const uint64_t before = state_.digest();
    ClusterState twin = state_.fork();
    const Decision decision = place_in(state_, wanted);
    const Decision again = place_in(twin, wanted);
    if (placement_of(state_, decision) != placement_of(twin, again) || state_.digest() != twin.digest())
      return "a fork decides otherwise";
    if (!decision.placed()) {
      ++counts_.refused;
      return state_.digest() == before ? "" : "a refusal changed the state";
    }
    ++counts_.placed;
    live_.insert_or_assign(wanted.name, wanted);
    return shape_kept(state_, wanted, decision);
  }

  std::string undone(const Demand& wanted) {
    const uint64_t before = state_.digest();
    const std::string decided = tried(wanted);
    {
      Transaction transaction(state_);
      for (int i = 0; i < 3 && state_.pod_limit() > 0; ++i) {
        const auto pod = static_cast<PodIndex>(draw_.below(state_.pod_limit()));
        if (state_.has_pod(pod)) state_.remove_pod(pod);
      }
      place_in(state_, wanted);
      if (draw_.one_in(2)) {
        Transaction inner(state_);
        place_in(state_, draw_.demand(state_, "ns/inner"));
      }
    }
    if (state_.digest() != before) return "a rollback did not restore the state";
    return tried(wanted) == decided ? "" : "after a rollback another decision is made";
  }

  /// What would be decided, undone.
  std::string tried(const Demand& wanted) {
    Transaction transaction(state_);
    return placement_of(state_, place_in(state_, wanted));
  }

  /// Each `would fit if` is done as it reads.
  std::string promised(const Demand& wanted) {
    const uint64_t before = state_.digest();
    auto budget = WorkBudget::unlimited();
    const Explanation why = explain(state_, wanted, policy_, budget);
    if (state_.digest() != before) return "an explanation changed the state";
    counts_.promises += static_cast<int64_t>(why.would_fit_if.size());
    return test::false_promise(state_, wanted, policy_, why);
  }

  /// A demand that fits still fits when a node has more of everything.
  std::string with_more_room(const Demand& wanted) {
    // Where several pods are placed one after another, more room for the first may lead the next astray: what
    // holds for every demand is a matter of the search for gangs, not of room.
    if (wanted.pod_count() > 1 || state_.node_count() == 0) return "";
    // A domain that grows large enough to hold the pod counts for the spread from then on: its gangs are the
    // fewest, and a fuller domain is no longer permitted.
    if (!wanted.spread.level.empty()) return "";
    if (tried(wanted).empty()) return "";
    ClusterState roomier = state_.fork();
    const NodeIndex node = roomier.nodes_in_order()[draw_.below(roomier.node_count())];
    NodeSpec spec = *roomier.node(node).spec;
    spec.allocatable.cpu_milli += 4000;
    spec.allocatable.memory_bytes += int64_t{4} << 30;
    spec.allocatable.pods += 4;
    for (auto& pool : spec.accelerators) {
      pool.count += 2;
      if (!pool.group.empty()) pool.group.insert(pool.group.end(), 2, pool.group.back() + 1);
    }
    if (!roomier.upsert_node(std::move(spec))) return "a larger node is refused";
    ++counts_.roomier;
    return place_in(roomier, wanted).placed() ? "" : "with more room less is placed";
  }

  /// The same decision as a state without a past, whose nodes came in another order.
  std::string as_built_anew(const Demand& wanted) {
    ClusterState fresh = built_anew(state_);
    if (fresh.pod_count() != state_.pod_count()) return "a state cannot be built again";
    fresh.set_namespace("a", {});
    fresh.set_namespace("b", {});
    ++counts_.built_anew;
    const Decision anew = place_in(fresh, carried_over(state_, wanted, fresh));
    const std::string mine = tried(wanted);
    return placement_of(fresh, anew) == mine ? "" : "a state built anew decides otherwise";
  }

  void change_a_node() {
    const NodeIndex node = state_.nodes_in_order()[draw_.below(state_.node_count())];
    if (!state_.upsert_node(draw_.changed(*state_.node(node).spec))) broken_ = "a changed node is refused";
  }

  /// Makes room for the demand, then for those who had to go, and so on: it ends, because everybody takes
  /// from the less important only.
  std::string chain(const Demand& first) {
    std::deque<Demand> waiting{first};
    std::set<std::string> evicted;
    for (int64_t length = 0; !waiting.empty(); ++length) {
      counts_.longest_chain = std::max(counts_.longest_chain, length);
      const Demand wanted = std::move(waiting.front());
      waiting.pop_front();
      std::vector<Demand> gone;
      if (std::string wrong = preempted(wanted, gone); !wrong.empty()) return wrong;
      for (Demand& victim : gone) {
        if (!evicted.insert(victim.name).second) return "a gang is evicted twice in one chain";
        victim.protected_until = now_ + policy_.cooldown_seconds;
        waiting.push_back(std::move(victim));
      }
    }
    return "";
  }

  std::string preempted(const Demand& wanted, std::vector<Demand>& gone) {
    const uint64_t before = state_.digest();
    auto budget = WorkBudget::unlimited();
    const Decision plan = preempt(state_, wanted, policy_, budget, now_);
    if (state_.digest() != before) return "a plan changed the state";
    if (plan.placed() && !plan.evictions.empty()) {
      ++counts_.preemptions;
      counts_.victims += static_cast<int64_t>(plan.evictions.size());
      if (std::string wrong = fair(wanted, plan, gone); !wrong.empty()) return wrong;
    }
    if (!plan.placed()) return plan.evictions.empty() ? "" : "victims without a placement";
    const Decision decision = place_in(state_, wanted);
    if (!decision.placed()) return "a demand does not fit without its victims";
    live_.insert_or_assign(wanted.name, wanted);
    return shape_kept(state_, wanted, decision);
  }

  /// Evicts the victims, if the plan takes only whom it may.
  std::string fair(const Demand& wanted, const Decision& plan, std::vector<Demand>& gone) {
    if (plan.evictions.size() > static_cast<size_t>(policy_.max_victims)) return "too many victims";
    std::map<std::string, int32_t> disruptions;
    std::map<std::string, int64_t> groups;
    for (const auto& victim : plan.evictions) {
      const RunningPod& pod = state_.pod(victim.pod);
      if (pod.priority >= wanted.priority) return "a victim is not of lower priority";
      if (!pod.movable) return "a victim may not be moved";
      if (pod.protected_until > now_) return "a victim is protected";
      for (const auto& name : pod.budgets) {
        if (++disruptions[name] > state_.budget(name)) return "a budget is exceeded";
      }
      ++groups[pod.group];
    }
    for (const auto& [name, pods] : groups) {
      const auto live = live_.find(name);
      if (live == live_.end() || live->second.pod_count() != pods) return "a part of a gang is evicted";
    }
    if (std::string wrong = needed(wanted, groups); !wrong.empty()) return wrong;
    for (const auto& [name, pods] : groups) {
      gone.push_back(live_.at(name));
      leave(name);
    }
    return "";
  }

  /// Nobody could have stayed.
  std::string needed(const Demand& wanted, const std::map<std::string, int64_t>& groups) {
    for (const auto& [spared, pods] : groups) {
      Transaction transaction(state_);
      for (const auto& [name, count] : groups) {
        if (name != spared) remove_group(name);
      }
      if (place_in(state_, wanted).placed()) return "a victim could have been spared";
    }
    return "";
  }

  void remove_group(const std::string& name) {
    for (PodIndex pod = 0; pod < state_.pod_limit(); ++pod) {
      if (state_.has_pod(pod) && state_.pod(pod).group == name) state_.remove_pod(pod);
    }
  }

  void leave(const std::string& name) {
    const std::string gone = name;
    remove_group(gone);
    live_.erase(gone);
  }

  std::string checked() {
    if (std::string wrong = capacity_kept(state_); !wrong.empty()) return wrong;
    std::map<std::string, int64_t> sizes;
    for (const auto& [name, demand] : live_)
      sizes[name] = demand.pod_count();
    if (std::string wrong = gangs_whole(state_, sizes); !wrong.empty()) return wrong;
    if (draw_.one_in(10) && !state_.cross_pod().consistent_with(state_))
      return "counters between pods are wrong";
    return anti_affinity_kept(state_);
  }

  Draw draw_;
  Policy policy_;
  Counts& counts_;
  ClusterState state_;
  std::map<std::string, Demand> live_;
  std::string broken_;
  int64_t now_ = 0;
};

int run(int64_t events, uint64_t seed) {
  const auto start = std::chrono::steady_clock::now();
  Counts counts;
  for (int64_t done = 0; done < events; done += kEventsAWorld, ++seed) {
    World world(seed, counts);
    for (int event = 0; event < kEventsAWorld; ++event) {
      const std::string wrong = world.step(event);
      if (wrong.empty()) continue;
      fmt::print("{{\"events\":{},\"violations\":1,\"seed\":{},\"event\":{},\"what\":\"{}\"}}\n",
                 done + event, seed, event, wrong);
      return 1;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print(
      "{{\"events\":{},\"violations\":0,\"placed\":{},\"refused\":{},\"promises\":{},"
      "\"preemptions\":{},\"victims\":{},\"longest_chain\":{},\"more_room\":{},\"built_anew\":{},"
      "\"seconds\":{:.1f}}}\n",
      events, counts.placed, counts.refused, counts.promises, counts.preemptions, counts.victims,
      counts.longest_chain, counts.roomier, counts.built_anew, took.count());
  return 0;
}

}  // namespace
}  // namespace stowage::engine::events

int main(int argc, char** argv) {
  CLI::App app{"Random events on random worlds; ends at the first broken property"};
  int64_t events = 100'000;
  uint64_t seed = 1;
  app.add_option("--events", events, "Events in all")->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  app.add_option("--seed", seed, "First world");
  CLI11_PARSE(app, argc, argv);
  return stowage::engine::events::run(events, seed);
}
