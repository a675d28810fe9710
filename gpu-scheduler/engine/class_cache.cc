#include "gpu-scheduler/engine/class_cache.h"

#include <algorithm>

namespace stowage::engine {
namespace {

/// Entries over all caches of a state (about 90 bytes each): classes beyond it are forgotten, least recently
/// used first.
constexpr size_t kMaxCachedEntries = 1 << 20;

}  // namespace

const DevicePool* pool_for(const NodeRow& row, const CompiledClass& pod) {
  if (pod.device_count == 0) return row.pools.empty() ? nullptr : &row.pools.front();
  for (const auto& pool : row.pools) {
    if (pool.resource == pod.device_resource && pod.product_rank(pool.product) >= 0) return &pool;
  }
  return nullptr;
}

NodeShape shape_of(const ClusterState& state, const NodeRow& row, const DevicePool* pool,
                   const DemandModel& model) {
  NodeShape shape;
  shape.cpu_milli = row.free_cpu_milli;
  if (!pool) return shape;
  shape.product = model.product_index(state.text(pool->product));
  shape.devices = pool->count;
  std::copy_n(row.device_free.begin() + pool->first, pool->count, shape.free.begin());
  shape.sort();
  return shape;
}

NodeIndex ClassCache::first_of(const ClusterState& state, Tally& tally) const {
  if (tally.first != kNone) return tally.first;
  for (NodeIndex node : state.nodes_in_order()) {
    if (verdicts[node].now == tally.rejection) return tally.first = node;
  }
  return kNone;
}

CacheTable::CacheTable(const CacheTable& other)
    : caches_(other.caches_),
      scale_(other.scale_),
      scale_layout_(other.scale_layout_),
      kinds_(other.kinds_),
      tick_(other.tick_) {}

CacheTable::ModelValues& CacheTable::model_values(const Policy& policy) {
  auto model = policy.model ? policy.model : DemandModel::builtin();
  auto& out = values_[model->fingerprint()];
  if (!out.values) out.values = std::make_unique<NodeValues>(model);
  return out;
}

NodeValues& CacheTable::values(const Policy& policy) {
  return *model_values(policy).values;
}

CacheTable::ShapeMemo& CacheTable::memo(const ClusterState& state, ModelValues& model, NodeIndex node) {
  if (model.shapes.size() < state.node_limit()) model.shapes.resize(state.node_limit());
  auto& out = model.shapes[node];
  if (out.version == state.node_version(node)) return out;
  const auto& row = state.node(node);
  out.shape = shape_of(state, row, row.pools.empty() ? nullptr : &row.pools.front(), model.values->model());
  out.fragmentation = -1;
  out.version = state.node_version(node);
  return out;
}

const VictimIndex& CacheTable::victims(const ClusterState& state) {
  victims_.update(state);
  return victims_;
}

const ClusterScale& CacheTable::scale(const ClusterState& state) {
  if (scale_layout_ == state.layout_version()) return scale_;
  scale_ = {};
  for (NodeIndex node : state.nodes_in_order()) {
    const auto& row = state.node(node);
    scale_.cpu_milli = std::max(scale_.cpu_milli, row.spec->allocatable.cpu_milli);
    scale_.device_milli =
        std::max(scale_.device_milli, static_cast<int64_t>(row.device_free.size()) * kWholeDevice);
    scale_.price_micro = std::max(scale_.price_micro, row.spec->price_micro);
  }
  scale_layout_ = state.layout_version();
  return scale_;
}

void CacheTable::refresh_layout(ClusterState& state) {
  scale(state);
  if (!kinds_ || kinds_->layout() != state.layout_version()) kinds_ = std::make_shared<NodeKinds>(state);
}

ClassCache& CacheTable::get(ClusterState& state, ClassId pod_id, const Policy& policy, bool slots) {
  refresh_layout(state);
  const auto& pod = state.compiled(pod_id);
  auto& held = caches_[{pod.shape, policy.fingerprint()}];
  if (!held) {
    held = std::make_shared<ClassCache>();
  } else if (!sole_owner(held)) {
    held = std::make_shared<ClassCache>(*held);
  }
  auto& cache = *held;
  cache.last_used = ++tick_;
  const bool anew = cache.layout_version != state.layout_version() || (slots && !cache.counts_slots);
  cache.counts_slots = cache.counts_slots || slots;
  if (!anew && cache.log_position == state.change_end()) return cache;
  const bool by_model = policy.strategy == Strategy::kFgd || policy.strategy == Strategy::kPackability;
  Refresh task{state, cache, pod, policy, by_model ? &model_values(policy) : nullptr};
  if (anew) {
    rebuild(task);
    if (caches_.size() > 1 && caches_.size() * state.node_limit() > kMaxCachedEntries) {
      auto oldest = std::ranges::min_element(caches_, {}, [](const auto& e) { return e.second->last_used; });
      caches_.erase(oldest);
    }
  } else {
    catch_up(task);
  }
  cache.log_position = state.change_end();
  return cache;
}

int64_t CacheTable::group_price(ClusterState& state, const Policy& policy, uint32_t group,
                                const CompiledClass& pod) {
  return group_prices(state, policy, pod)[group];
}

std::span<const int64_t> CacheTable::group_prices(ClusterState& state, const Policy& policy,
                                                  const CompiledClass& pod) {
  refresh_layout(state);
  group_prices_.assign(kinds_->kinds().size(), 0);
  if (policy.strategy != Strategy::kPackability || pod.device_count == 0) return group_prices_;
  prices_.update(state, *kinds_, values(policy).model());
  // 8 points per ten thousandths of a device where the kind is as scarce as all free devices together.
  constexpr int64_t kPrice = 8;
  for (uint32_t group = 0; group < group_prices_.size(); ++group) {
    const int64_t scarcity = std::min<int64_t>(prices_.scarcity(group), 5 * 1024);
    group_prices_[group] =
        policy.fragmentation * (kPrice * scarcity * scarcity * pod.device_demand() / (10 * 1024));
  }
  return group_prices_;
}

}  // namespace stowage::engine
