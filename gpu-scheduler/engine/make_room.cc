#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <set>
#include <tuple>

#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/fit.h"
#include "gpu-scheduler/engine/interner.h"
#include "gpu-scheduler/engine/move_plan.h"
#include "gpu-scheduler/engine/move_search.h"
#include "gpu-scheduler/engine/node_worth.h"
#include "gpu-scheduler/engine/placer.h"
#include "gpu-scheduler/engine/transaction.h"

namespace stowage::engine {
namespace {

/// Plans tried for one demand, the most promising first: beyond it the next is hardly better.
constexpr size_t kMostTries = 16;

class RoomMaker {
 public:
  RoomMaker(ClusterState& state, const Demand& demand, const Policy& policy, const MoveLimits& limits,
            WorkBudget& budget)
      : state_(state),
        demand_(demand),
        policy_(policy),
        limits_(limits),
        budget_(budget),
        search_(state, policy, limits.now, budget) {}

  MovePlan run() {
    if (auto plan = tried({})) return *std::move(plan);
    if (limits_.max_moves > 0 && demand_.pod_count() == 1) {
      if (auto plan = with_one_move()) return *std::move(plan);
    }
    if (limits_.max_moves > 1 || demand_.pod_count() > 1) {
      if (auto plan = with_several()) return *std::move(plan);
    }
    MovePlan none;
    const bool given_up = budget_.exhausted();
    none.why.reason = given_up ? "WorkBudget" : "NoMoves";
    none.why.message = given_up ? "the search for moves was given up: its work budget is spent"
                                : fmt::format("no {} moves make room", limits_.max_moves);
    return none;
  }

 private:
  /// The plan with these moves when the demand then fits.
  std::optional<MovePlan> tried(std::vector<Move> moves) {
    Transaction transaction(state_);
    for (const auto& move : moves) {
      if (!make_move(state_, move)) return std::nullopt;
    }
    Placer placer(state_, demand_, policy_, budget_);
    if (!placer.run()) return std::nullopt;
    MovePlan plan{.moves = std::move(moves), .bindings = placer.bindings(), .why = placer.take_explanation()};
    std::ranges::stable_sort(plan.bindings, {}, [](const Binding& b) { return std::pair(b.part, b.member); });
    for (auto& binding : plan.bindings)
      binding.pod = kNone;
    plan.gain = worth_of(plan);
    transaction.rollback();
    plan.gain -= worth_of(plan);
    for (const auto& move : plan.moves) {
      const ClassId pod = state_.pod(move.pod).pod_class;
      plan.gain +=
          standing_cost(state_, pod, move.from, policy_) - standing_cost(state_, pod, move.to, policy_);
    }
    return plan;
  }

  /// Of the nodes that the plan touches, as they are now.
  int64_t worth_of(const MovePlan& plan) {
    std::set<NodeIndex> nodes;
    for (const auto& move : plan.moves)
      nodes.insert({move.from, move.to});
    for (const auto& binding : plan.bindings)
      nodes.insert(binding.node);
    int64_t sum = 0;
    for (const NodeIndex node : nodes)
      sum += node_worth(state_, node, policy_);
    return sum;
  }

  struct Candidate {
    int64_t gain = 0;
    uint32_t order = 0;  ///< Of its node.
    PodIndex pod = kNone;
    MoveSearch::Place place;
  };

  /// The one move that costs least.
  std::optional<MovePlan> with_one_move() {
    const ClassId pod = demand_.parts.front().pod_class;
    auto candidates = candidates_for(pod);
    std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
      return std::tuple(-a.gain, a.order, a.pod) < std::tuple(-b.gain, b.order, b.pod);
    });
    for (size_t tries = 0; const auto& candidate : candidates) {
      if (!budget_.spend() || tries == kMostTries) break;
      if (!admits(candidate.pod, pod)) continue;
      ++tries;
      if (auto plan = tried({search_.move_to(candidate.pod, candidate.place)})) return plan;
    }
    return std::nullopt;
  }

  /// Every pod that can go elsewhere and without which the class may fit on its node, with what the cluster
  /// gains when it goes and the class takes its room.
  std::vector<Candidate> candidates_for(ClassId pod) {
    const auto& wanted = state_.compiled(pod);
    const auto& cache = state_.caches().get(state_, pod, policy_, false);
    std::vector<Candidate> out;
    for (const NodeIndex node : state_.nodes_in_order()) {
      if (state_.node(node).reserved || cache.verdicts[node].fixed) continue;
      if (!budget_.spend()) return {};
      const int64_t price = standing_cost(state_, pod, node, policy_);
      std::optional<int64_t> before;
      for (const PodIndex leaver : search_.movable(node)) {
        PaperRoom room(state_, node);
        room.leaves(state_.pod(leaver));
        if (!room.may_fit(wanted)) continue;
        const ClassId leaver_class = state_.pod(leaver).pod_class;
        const auto place = place_of(leaver_class, node);
        if (place.node == kNone) continue;
        if (!before) before = node_worth(state_, node, policy_);
        room.takes(state_, wanted, policy_);
        const int64_t gain = room.worth(state_, policy_) - *before - price + place.score +
                             standing_cost(state_, leaver_class, node, policy_);
        out.push_back({gain, state_.order_of(node), leaver, place});
      }
    }
    return out;
  }

  /// Whether the class fits on the node of the pod once that is gone.
  bool admits(PodIndex leaver, ClassId pod) {
    const NodeIndex node = state_.pod(leaver).node;
    Transaction transaction(state_);
    state_.remove_pod(leaver);
    return !fits_on(state_, pod, node);
  }

  /// Where a pod of the class goes that leaves the node; remembered by class, as nothing moves meanwhile.
  MoveSearch::Place place_of(ClassId pod, NodeIndex from) {
    if (places_.size() <= pod) places_.resize(state_.class_count());
    auto& known = places_[pod];
    if (!known) known = search_.destination(pod, kNone);
    return known->node == from ? search_.destination(pod, from) : *known;
  }

  std::optional<MovePlan> with_several() {
    const auto level = demand_.topology.mode == TopologyRequest::Mode::kRequired
                           ? state_.level_index(demand_.topology.level)
                           : std::nullopt;
    if (!level) return emptied_in(kNone);
    std::optional<MovePlan> best;
    size_t tries = 0;
    for (DomainId domain = 0; domain < state_.domains().size() && tries < kMostTries; ++domain) {
      if (state_.domains()[domain].level != *level) continue;
      ++tries;
      auto plan = emptied_in(domain);
      if (plan && (!best || plan->moves.size() < best->moves.size())) best = std::move(plan);
    }
    return best;
  }

  /// Puts the demand's pods down one after the other, the most awkward first; where none fits, a node is made
  /// free for it. The pods put down keep their room from those that move later.
  std::optional<MovePlan> emptied_in(DomainId domain) {
    std::vector<uint32_t> parts(demand_.parts.size());
    for (uint32_t i = 0; i < parts.size(); ++i)
      parts[i] = i;
    std::ranges::stable_sort(parts, std::greater{}, [&](uint32_t part) {
      const auto& pod = state_.compiled(demand_.parts[part].pod_class);
      return std::pair(pod.device_demand(), pod.cpu_milli);
    });
    std::vector<Move> moves;
    {
      Transaction transaction(state_);
      for (const uint32_t part : parts) {
        const ClassId pod = demand_.parts[part].pod_class;
        for (int32_t i = 0; i < demand_.parts[part].count; ++i) {
          NodeIndex node = search_.destination(pod, kNone, domain).node;
          if (node == kNone) node = empty_one(pod, domain, moves);
          if (node == kNone) return std::nullopt;
          assign_on(state_, {.pod_class = pod, .node = node, .movable = false}, policy_);
        }
      }
    }
    return tried(std::move(moves));
  }

  struct Target {
    size_t moves;
    uint32_t order;
    NodeIndex node;
    auto operator<=>(const Target&) const = default;
  };

  /// Makes room for one pod of the class on the node where fewest have to move; kNone when no node will do.
  NodeIndex empty_one(ClassId pod, DomainId domain, std::vector<Move>& moves) {
    const auto nodes = domain == kNone ? state_.nodes_in_order()
                                       : std::span<const NodeIndex>(state_.domains()[domain].nodes);
    const size_t left = static_cast<size_t>(std::max(limits_.max_moves, 0)) - moves.size();
    std::vector<Target> targets;
    for (const NodeIndex node : nodes) {
      if (!budget_.spend()) return kNone;
      if (state_.node(node).reserved || state_.caches().get(state_, pod, policy_, false).verdicts[node].fixed)
        continue;
      const auto leavers = leavers_for(node, pod, moves);
      if (!leavers.empty() && leavers.size() <= left)
        targets.push_back({leavers.size(), state_.order_of(node), node});
    }
    std::ranges::sort(targets);
    if (targets.size() > kMostTries) targets.resize(kMostTries);
    for (const auto& target : targets) {
      if (empty(target.node, pod, moves)) return target.node;
    }
    return kNone;
  }

  /// Few pods of the node, none of them to spare, without which the class may fit; empty: there are none.
  std::vector<PodIndex> leavers_for(NodeIndex node, ClassId pod, const std::vector<Move>& moves) {
    const auto& wanted = state_.compiled(pod);
    auto pods = search_.movable(node);
    // A move keeps the pod's index.
    std::erase_if(pods,
                  [&](PodIndex each) { return std::ranges::find(moves, each, &Move::pod) != moves.end(); });
    // First who shares a device with few others, then who holds least of it.
    std::array<int32_t, kMaxDevices> crowd{};
    for (const PodIndex each : state_.node(node).pods) {
      for (uint64_t rest = state_.pod(each).devices; rest != 0; rest &= rest - 1)
        ++crowd[static_cast<size_t>(std::countr_zero(rest))];
    }
    const auto key = [&](PodIndex each) {
      const auto& held = state_.compiled(state_.pod(each).pod_class);
      const uint64_t devices = state_.pod(each).devices;
      const bool idle = devices == 0;
      const int32_t others = idle ? 0 : crowd[static_cast<size_t>(std::countr_zero(devices))];
      return std::tuple(idle && wanted.device_count > 0, others, held.device_demand(), -held.cpu_milli, each);
    };
    std::ranges::sort(pods, {}, key);
    size_t used = 0;
    PaperRoom room(state_, node);
    while (used < pods.size() && !room.may_fit(wanted))
      room.leaves(state_.pod(pods[used++]));
    if (!room.may_fit(wanted)) return {};
    pods.resize(used);
    for (size_t i = pods.size(); i-- > 0;) {
      PaperRoom without(state_, node);
      for (size_t j = 0; j < pods.size(); ++j) {
        if (j != i) without.leaves(state_.pod(pods[j]));
      }
      if (without.may_fit(wanted)) pods.erase(pods.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return pods;
  }

  /// Moves them, the largest first, and checks that the class fits; undone when one finds no place.
  bool empty(NodeIndex node, ClassId pod, std::vector<Move>& moves) {
    auto leavers = leavers_for(node, pod, moves);
    std::ranges::stable_sort(leavers, std::greater{}, [&](PodIndex each) {
      const auto& held = state_.compiled(state_.pod(each).pod_class);
      return std::pair(held.device_demand(), held.cpu_milli);
    });
    Transaction transaction(state_);
    const size_t kept = moves.size();
    for (const PodIndex each : leavers) {
      const auto place = search_.destination(state_.pod(each).pod_class, node);
      if (place.node != kNone) moves.push_back(search_.move_to(each, place));
      if (place.node == kNone || !make_move(state_, moves.back())) {
        moves.resize(kept);
        return false;
      }
    }
    if (fits_on(state_, pod, node)) {
      moves.resize(kept);
      return false;
    }
    transaction.commit();
    return true;
  }

  ClusterState& state_;
  const Demand& demand_;
  const Policy& policy_;
  const MoveLimits& limits_;
  WorkBudget& budget_;
  MoveSearch search_;
  std::vector<std::optional<MoveSearch::Place>> places_;  ///< By class.
};

}  // namespace

MovePlan make_room(ClusterState& state, const Demand& demand, const Policy& policy, const MoveLimits& limits,
                   WorkBudget& budget) {
  if (auto valid = validate(state, demand); !valid) {
    MovePlan none;
    none.why.reason = "InvalidDemand";
    none.why.message = valid.error().message;
    return none;
  }
  return RoomMaker(state, demand, policy, limits, budget).run();
}

}  // namespace stowage::engine
