#include "gpu-scheduler/engine/node_worth.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <span>
#include <utility>

#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/interner.h"

namespace stowage::engine {
namespace {

/// Thousandths of devices in one point, as the strategies have it.
constexpr int64_t kMilliPerPoint = 10;

/// Free times used thousandths as a part of all: 0 for an empty and for a full node, most for one half used.
int64_t half_used(std::span<const int16_t> devices) {
  const auto all = static_cast<int64_t>(devices.size()) * kWholeDevice;
  if (all == 0) return 0;
  const auto free = std::accumulate(devices.begin(), devices.end(), int64_t{0});
  return free * (all - free) / all;
}

int64_t worth_of(NodeValues& values, const NodeShape& shape, Strategy strategy) {
  if (strategy == Strategy::kFgd) return -values.fragmentation(shape) * kPoint / DemandModel::kWeightSum;
  return values.potential(shape) * kPoint / kPotentialUnit;
}

/// Of a node with these pools, this CPU and these thousandths free.
int64_t worth_of(ClusterState& state, const NodeRow& row, int64_t cpu_milli, std::span<const int16_t> devices,
                 const Policy& policy) {
  if (policy.strategy == Strategy::kBestFit || policy.strategy == Strategy::kSpread) {
    const int64_t room = half_used(devices) * kPoint * 100 / kMilliPerPoint;
    return policy.strategy == Strategy::kSpread ? room : -room;
  }
  auto& values = state.caches().values(policy);
  int64_t sum = 0;
  for (const auto& pool : row.pools) {
    NodeShape shape{.product = values.model().product_index(state.text(pool.product)),
                    .devices = pool.count,
                    .cpu_milli = cpu_milli};
    std::ranges::copy(devices.subspan(pool.first, pool.count), shape.free.begin());
    shape.sort();
    sum += worth_of(values, shape, policy.strategy);
  }
  return sum * policy.fragmentation / kMilliPerPoint;
}

}  // namespace

int64_t node_worth(ClusterState& state, NodeIndex node, const Policy& policy) {
  const auto& row = state.node(node);
  return worth_of(state, row, row.free_cpu_milli, row.device_free, policy);
}

/// A thousandth counts once in the packed samples and kHoleWeight times in the price of its device.
int64_t worth_of_demand(const CompiledClass& pod, const Policy& policy) {
  if (policy.strategy != Strategy::kPackability) return 0;
  return (1 + kHoleWeight) * pod.device_demand() * kPoint * policy.fragmentation / kMilliPerPoint;
}

PaperRoom::PaperRoom(const ClusterState& state, NodeIndex node) : of_(&state), row_(&state.node(node)) {
  cpu_milli_ = row_->free_cpu_milli;
  memory_bytes_ = row_->free_memory_bytes;
  pods_ = row_->free_pods;
  std::ranges::copy(row_->device_free, devices_.begin());
}

void PaperRoom::leaves(const RunningPod& pod) {
  const auto& held = of_->compiled(pod.pod_class);
  cpu_milli_ += held.cpu_milli;
  memory_bytes_ += held.memory_bytes;
  pods_ += held.pods;
  for (uint64_t rest = pod.devices; rest != 0; rest &= rest - 1) {
    auto& free = devices_[static_cast<size_t>(std::countr_zero(rest))];
    free = static_cast<int16_t>(free + held.device_milli);
  }
}

bool PaperRoom::may_fit(const CompiledClass& pod) const {
  if (pod.cpu_milli > 0 && cpu_milli_ < pod.cpu_milli) return false;
  if (pod.memory_bytes > 0 && memory_bytes_ < pod.memory_bytes) return false;
  if (pods_ < pod.pods) return false;
  if (pod.device_count == 0 || row_->pools.empty()) return true;
  const auto devices = std::span(devices_).first(row_->device_free.size());
  return std::ranges::count_if(devices, [&](int16_t free) { return free >= pod.device_milli; }) >=
         pod.device_count;
}

void PaperRoom::takes(ClusterState& state, const CompiledClass& pod, const Policy& policy) {
  cpu_milli_ -= pod.cpu_milli;
  memory_bytes_ -= pod.memory_bytes;
  pods_ -= pod.pods;
  const auto* pool = pool_for(*row_, pod);
  if (pod.device_count == 0 || pool == nullptr) return;
  const auto devices = std::span(devices_).subspan(pool->first, pool->count);
  if (!pod.shares()) {
    int32_t left = pod.device_count;
    for (auto& free : devices) {
      if (left > 0 && free >= kWholeDevice) free = 0, --left;
    }
    return;
  }
  int16_t* best = nullptr;
  int64_t most = 0;
  for (auto& free : devices) {
    if (free < pod.device_milli) continue;
    const int16_t before = std::exchange(free, static_cast<int16_t>(free - pod.device_milli));
    const int64_t left = worth(state, policy);
    free = before;
    if (best == nullptr || left > most) best = &free, most = left;
  }
  if (best != nullptr) *best = static_cast<int16_t>(*best - pod.device_milli);
}

int64_t PaperRoom::worth(ClusterState& state, const Policy& policy) const {
  return worth_of(state, *row_, cpu_milli_, std::span(devices_).first(row_->device_free.size()), policy);
}

int64_t standing_cost(ClusterState& state, ClassId pod, NodeIndex node, const Policy& policy) {
  const auto& cache = state.caches().get(state, pod, policy, false);
  return state.caches().group_price(state, policy, cache.group_of(node), state.compiled(pod)) -
         cache.entries[node].fixed_bonus + cache.entries[node].standing_price;
}

}  // namespace stowage::engine
