#include "gpu-scheduler/engine/place_window.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>

#include "gpu-scheduler/engine/best_node.h"
#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/demand_model.h"
#include "gpu-scheduler/engine/interner.h"
#include "gpu-scheduler/engine/node_value.h"
#include "gpu-scheduler/engine/place.h"

namespace stowage::engine {
namespace {

/// Points that a share of this size is worth: the price of its size, at Packability's weight of holes and its
/// scale (ten thousandths of a device are one point).
int64_t worth_of(const DemandModel& model, int32_t milli) {
  return kHoleWeight * kWholeDevice * model.hole_price(milli) * kPoint / (10 * DemandModel::kPriceUnit);
}

class WindowPlacer {
 public:
  WindowPlacer(ClusterState& state, std::span<const Demand> demands, const Policy& policy,
               const Window& window, WorkBudget& budget)
      : state_(state),
        demands_(demands),
        policy_(policy),
        window_(window),
        budget_(budget),
        out_(demands.size()) {}

  std::vector<Decision> run() {
    std::vector<size_t> due;
    std::vector<size_t> held;
    for (size_t i = 0; i < demands_.size(); ++i)
      (may_wait(demands_[i]) ? held : due).push_back(i);
    std::ranges::stable_sort(due, {}, [&](size_t i) { return order_of(demands_[i]); });
    for (size_t i : due)
      out_[i] = place(state_, demands_[i], policy_, budget_);
    while (auto next = most_gaining(held)) {
      size_t i = held[*next];
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(*next));
      out_[i] = place(state_, demands_[i], policy_, budget_);
    }
    for (size_t i : held) {
      auto& why = out_[i].why;
      why.reason = kHeld;
      why.message = fmt::format("held for a better place, at most {} more", hold_left(demands_[i]));
    }
    return std::move(out_);
  }

 private:
  /// How much longer the demand may be held; at the ends of the range of times, as much as can be said.
  [[nodiscard]] int64_t hold_left(const Demand& demand) const {
    const __int128 left = __int128{window_.hold} - window_.now + demand.arrival;
    constexpr __int128 kMost = std::numeric_limits<int64_t>::max();
    return static_cast<int64_t>(std::clamp(left, -kMost, kMost));
  }
  struct Order {
    int64_t priority, devices, cpu, arrival;
    auto operator<=>(const Order&) const = default;
  };

  [[nodiscard]] Order order_of(const Demand& demand) const {
    Order out{-int64_t{demand.priority}, 0, 0, demand.arrival};
    for (const auto& part : demand.parts) {
      if (part.pod_class >= state_.class_count()) continue;
      out.devices -= state_.compiled(part.pod_class).device_demand() * part.count;
      out.cpu -= state_.compiled(part.pod_class).cpu_milli * part.count;
    }
    return out;
  }

  [[nodiscard]] bool may_wait(const Demand& demand) {
    if (hold_left(demand) <= 0) return false;
    if (demand.pod_count() != 1 || demand.parts.size() != 1 || !validate(state_, demand)) return false;
    if (demand.topology.mode != TopologyRequest::Mode::kNone || !demand.spread.level.empty()) return false;
    ClassId pod = demand.parts.front().pod_class;
    return state_.compiled(pod).shares() && !state_.cross_pod().concerns(state_, pod);
  }

  /// What a share gains by going now: what its size is worth less what its node loses. Nothing when there
  /// is no room, or only on idle devices.
  [[nodiscard]] std::optional<int64_t> gain(ClassId pod) {
    auto best = best_node(state_, pod, policy_);
    if (best.node == kNone || best.device_free >= kWholeDevice) return std::nullopt;
    if (policy_.strategy != Strategy::kPackability) return best.score;
    const auto& model = state_.caches().values(policy_).model();
    int64_t net = policy_.fragmentation * worth_of(model, state_.compiled(pod).device_milli) + best.score;
    return net < 0 ? std::nullopt : std::optional(net);
  }

  /// Position in `held` of the share that gains most, the oldest of equal ones.
  [[nodiscard]] std::optional<size_t> most_gaining(const std::vector<size_t>& held) {
    std::optional<size_t> best;
    int64_t most = 0;
    std::vector<ClassId> seen;
    for (size_t at = 0; at < held.size(); ++at) {
      ClassId pod = demands_[held[at]].parts.front().pod_class;
      if (std::ranges::find(seen, pod) != seen.end()) continue;
      seen.push_back(pod);
      if (!budget_.spend()) return std::nullopt;
      auto gained = gain(pod);
      if (gained && (!best || *gained > most)) best = at, most = *gained;
    }
    return best;
  }

  ClusterState& state_;
  std::span<const Demand> demands_;
  const Policy& policy_;
  const Window& window_;
  WorkBudget& budget_;
  std::vector<Decision> out_;
};

}  // namespace

Result<std::vector<Decision>> place_window(ClusterState& state, std::span<const Demand> demands,
                                           const Policy& policy, const Window& window, WorkBudget& budget) {
  if (window.hold < 0) {
    return fail(Code::kInvalidArgument, fmt::format("window.hold: {} is below 0", window.hold));
  }
  return WindowPlacer(state, demands, policy, window, budget).run();
}

}  // namespace stowage::engine
