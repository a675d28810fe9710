#include "gpu-scheduler/engine/pool_prices.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace stowage::engine {
namespace {

int64_t free_on(const NodeRow& row) {
  return std::accumulate(row.device_free.begin(), row.device_free.end(), int64_t{0});
}

}  // namespace

/// A kind that could not hold the pod even when empty is no help to it, whatever its product.
void PoolPrices::find_pools(const ClusterState& state, const NodeKinds& kinds, const DemandModel& model) {
  pools_.clear();
  int64_t total = 0;
  for (const auto& entry : model.entries()) {
    int64_t mass = entry.weight * entry.count * entry.milli / kWholeDevice;
    if (mass == 0) continue;
    total += mass;
    uint64_t holds = 0;
    for (uint32_t k = 0; k < kinds.kinds().size(); ++k) {
      const auto& kind = kinds.kinds()[k];
      if (kind.devices < static_cast<uint32_t>(entry.count) || kind.cpu_milli < entry.cpu_milli) continue;
      if ((entry.product_mask >> model.product_index(state.text(kind.product)) & 1) == 0) continue;
      holds |= uint64_t{1} << k;
    }
    if (holds == 0) continue;
    auto it = std::ranges::find(pools_, holds, &Pool::kinds);
    if (it == pools_.end()) it = pools_.insert(pools_.end(), Pool{holds, 0});
    it->share += mass;
  }
  for (auto& pool : pools_) {
    pool.share = static_cast<int64_t>(static_cast<__int128>(pool.share) * DemandModel::kWeightSum / total);
  }
}

void PoolPrices::reset(const ClusterState& state, const NodeKinds& kinds, const DemandModel& model) {
  node_free_.assign(state.node_limit(), 0);
  kind_free_.assign(kinds.kinds().size(), 0);
  for (NodeIndex node : state.nodes_in_order()) {
    node_free_[node] = free_on(state.node(node));
    kind_free_[kinds.of(node)] += node_free_[node];
  }
  find_pools(state, kinds, model);
  layout_ = state.layout_version();
  model_ = model.fingerprint();
  stale_ = true;
}

void PoolPrices::update(const ClusterState& state, const NodeKinds& kinds, const DemandModel& model) {
  if (layout_ != state.layout_version() || model_ != model.fingerprint() || log_ < state.change_base()) {
    reset(state, kinds, model);
  } else {
    for (; log_ < state.change_end(); ++log_) {
      NodeIndex node = state.change(log_);
      int64_t free = free_on(state.node(node));
      if (free == node_free_[node]) continue;
      kind_free_[kinds.of(node)] += free - node_free_[node];
      node_free_[node] = free;
      stale_ = true;
    }
  }
  log_ = state.change_end();
  if (!std::exchange(stale_, false)) return;
  int64_t total = std::accumulate(kind_free_.begin(), kind_free_.end(), int64_t{0});
  scarcity_.assign(kind_free_.size(), 0);
  for (const auto& pool : pools_) {
    int64_t free = 0;
    for (size_t k = 0; k < kind_free_.size(); ++k) {
      if (pool.kinds >> k & 1) free += kind_free_[k];
    }
    free = std::max<int64_t>(free, 1);
    // share x (total / free - 1); at most 1024 times over, so that sums stay small.
    auto excess = static_cast<int64_t>(static_cast<__int128>(pool.share) * 1024 * (total - free) /
                                       (static_cast<__int128>(free) * DemandModel::kWeightSum));
    excess = std::clamp<int64_t>(excess, 0, 1 << 20);
    for (size_t k = 0; k < kind_free_.size(); ++k) {
      if (pool.kinds >> k & 1) scarcity_[k] += excess;
    }
  }
}

}  // namespace stowage::engine
