#include "gpu-scheduler/engine/class_cache.h"

#include <algorithm>
#include <bit>

#include "gpu-scheduler/engine/node_terms.h"

namespace stowage::engine {
namespace {

/// Entries over all caches of a state (48 bytes each): classes beyond it are forgotten, least recently used
/// first.
constexpr size_t kMaxCachedEntries = 1 << 20;

uint32_t match(const ClassCache::Tournament& t, const ClassCache& cache, uint32_t at) {
  uint32_t a = t.tree[2 * at];
  uint32_t b = t.tree[2 * at + 1];
  if (b >= t.nodes.size()) return a;
  return cache.scores[t.nodes[b]] > cache.scores[t.nodes[a]] ? b : a;
}

void build_tree(ClassCache::Tournament& t, const ClassCache& cache) {
  t.leaves = std::bit_ceil(std::max<uint32_t>(static_cast<uint32_t>(t.nodes.size()), 1));
  t.tree.resize(2 * t.leaves);
  for (uint32_t i = 0; i < t.leaves; ++i)
    t.tree[t.leaves + i] = i;
  for (uint32_t at = t.leaves - 1; at >= 1; --at)
    t.tree[at] = match(t, cache, at);
}

/// Plays the leaf's matches again, upwards until nothing changes.
void replay(ClassCache::Tournament& t, const ClassCache& cache, uint32_t leaf) {
  for (uint32_t at = (leaf + t.leaves) / 2; at >= 1; at /= 2) {
    uint32_t winner = match(t, cache, at);
    // Another leaf won before and still does: further up nobody met this one.
    if (winner == t.tree[at] && winner != leaf) return;
    t.tree[at] = winner;
  }
}

/// The node now gives this verdict (+1) or no longer does (-1).
void count(const ClusterState& state, ClassCache& cache, NodeIndex node, const Rejection& verdict, int by) {
  if (!verdict) {
    cache.feasible = static_cast<uint32_t>(static_cast<int>(cache.feasible) + by);
    return;
  }
  auto tally = std::ranges::find(cache.rejections, verdict, &ClassCache::Tally::rejection);
  if (tally == cache.rejections.end()) {
    cache.rejections.push_back({.rejection = verdict});
    tally = cache.rejections.end() - 1;
  }
  if (by < 0) {
    --tally->nodes;
    if (tally->first == node) tally->first = kNone;
    return;
  }
  bool before = tally->first != kNone && state.order_of(node) < state.order_of(tally->first);
  if (tally->nodes == 0 || before) tally->first = node;
  ++tally->nodes;
}

/// As a cache entry holds it.
int32_t fixed_bonus(const NodeRow& row, const CompiledClass& pod, const Policy& policy,
                    const ClusterScale& scale) {
  const int64_t bonus = node_terms(row, pod, policy, scale).sum();
  return static_cast<int32_t>(std::clamp<int64_t>(bonus, -2'000'000'000, 2'000'000'000));
}

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
    if (entries[node].verdict == tally.rejection) return tally.first = node;
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
  const auto& row = state.node(node);
  if (out.version == row.version) return out;
  out.shape = shape_of(state, row, row.pools.empty() ? nullptr : &row.pools.front(), model.values->model());
  out.fragmentation = -1;
  out.version = row.version;
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
  kinds_.update(state);
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
  // Where the log is lost, or longer than the nodes are many, every node is looked at.
  bool far_behind = cache.log_position < state.change_base() ||
                    state.change_end() - cache.log_position > state.node_count();
  if (cache.layout_version != state.layout_version() || (slots && !cache.counts_slots)) {
    cache.counts_slots = cache.counts_slots || slots;
    rebuild(state, cache, pod, policy);
    if (caches_.size() > 1 && caches_.size() * state.node_limit() > kMaxCachedEntries) {
      auto oldest = std::ranges::min_element(caches_, {}, [](const auto& e) { return e.second->last_used; });
      caches_.erase(oldest);
    }
  } else if (far_behind) {
    for (NodeIndex node : state.nodes_in_order()) {
      if (cache.entries[node].version != state.node(node).version)
        refresh_node(state, cache, node, pod, policy, true);
    }
  } else {
    for (; cache.log_position < state.change_end(); ++cache.log_position) {
      NodeIndex node = state.change(cache.log_position);
      if (cache.entries[node].version != state.node(node).version)
        refresh_node(state, cache, node, pod, policy, true);
    }
  }
  cache.log_position = state.change_end();
  return cache;
}

void CacheTable::rebuild(ClusterState& state, ClassCache& cache, const CompiledClass& pod,
                         const Policy& policy) {
  cache.entries.resize(state.node_limit());
  cache.scores.assign(state.node_limit(), ClassCache::kInfeasible);
  cache.group_of = kinds_.by_node();
  cache.leaf_of.assign(state.node_limit(), 0);
  cache.groups.assign(kinds_.kinds().size(), {});
  cache.rejections.clear();
  cache.feasible = 0;
  cache.domain_slots.assign(cache.counts_slots ? state.domains().size() : 0, 0);
  for (NodeIndex node : state.nodes_in_order()) {
    auto& group = cache.groups[kinds_.of(node)];
    cache.entries[node].version = 0;
    cache.leaf_of[node] = static_cast<uint32_t>(group.nodes.size());
    group.nodes.push_back(node);
    refresh_node(state, cache, node, pod, policy, false);
  }
  for (auto& group : cache.groups)
    build_tree(group, cache);
  cache.layout_version = state.layout_version();
}

void CacheTable::refresh_node(ClusterState& state, ClassCache& cache, NodeIndex node,
                              const CompiledClass& pod, const Policy& policy, bool in_tree) {
  const auto& row = state.node(node);
  auto& entry = cache.entries[node];
  if (entry.spec_version != row.spec_version || !in_tree) {
    if (entry.spec_version != row.spec_version) entry.fixed = check_fixed(state, *row.spec, row, pod);
    entry.spec_version = row.spec_version;
    entry.fixed_bonus = fixed_bonus(row, pod, policy, scale_);
    if (!entry.fixed && policy.strategy == Strategy::kPackability)
      entry.standing_price = standing_price(state, row, pod, policy);
  }
  Rejection verdict = entry.fixed ? entry.fixed : check_room(state, row, pod);
  if (in_tree && verdict && verdict == entry.verdict) {
    entry.version = row.version;
    return;
  }
  if (!in_tree) {
    count(state, cache, node, verdict, +1);
    entry.slots = 0;
  } else if (verdict != entry.verdict) {
    count(state, cache, node, entry.verdict, -1);
    count(state, cache, node, verdict, +1);
  }
  entry.verdict = verdict;
  entry.version = row.version;
  int64_t before = cache.scores[node];
  int64_t score = ClassCache::kInfeasible;
  if (!verdict) {
    Choice choice = choose(state, node, pod, policy);
    bool by_model = policy.strategy == Strategy::kFgd || policy.strategy == Strategy::kPackability;
    entry.device_free = choice.device_free;
    score = choice.score * (by_model ? policy.fragmentation : 100) + entry.fixed_bonus - entry.standing_price;
    const auto* pool = pool_for(row, pod);
    if (policy.packing > 0) score += policy.packing * score_best_fit(row, pool, pod, scale_).score;
    if (policy.spread > 0) score += policy.spread * score_spread(row, pool, pod, scale_).score;
  }
  cache.scores[node] = score;
  if (cache.counts_slots) {
    int32_t slots = verdict ? 0 : count_slots(row, pod);
    for (uint32_t level = 0; slots != entry.slots && level < state.topology_levels().size(); ++level) {
      DomainId domain = state.domain_of(node, level);
      if (domain != kNone) cache.domain_slots[domain] += slots - entry.slots;
    }
    entry.slots = slots;
  }
  if (in_tree && score != before) replay(cache.groups[cache.group_of[node]], cache, cache.leaf_of[node]);
}

Choice CacheTable::choose(ClusterState& state, NodeIndex node, const CompiledClass& pod,
                          const Policy& policy) {
  const auto& row = state.node(node);
  const auto* pool = pool_for(row, pod);
  if (policy.strategy == Strategy::kBestFit) return score_best_fit(row, pool, pod, scale_);
  if (policy.strategy == Strategy::kSpread) return score_spread(row, pool, pod, scale_);
  auto& model = model_values(policy);
  auto& values = *model.values;
  if (pool != nullptr && pool != &row.pools.front()) {
    auto shape = shape_of(state, row, pool, values.model());
    return policy.strategy == Strategy::kFgd
               ? score_fgd(values, row, pool, shape, values.fragmentation(shape), pod)
               : score_packability(values, shape, pod);
  }
  auto& known = memo(state, model, node);
  if (policy.strategy == Strategy::kPackability) return score_packability(values, known.shape, pod);
  if (known.fragmentation < 0) known.fragmentation = values.fragmentation(known.shape);
  return score_fgd(values, row, pool, known.shape, known.fragmentation, pod);
}

int64_t CacheTable::standing_price(const ClusterState& state, const NodeRow& row, const CompiledClass& pod,
                                   const Policy& policy) {
  constexpr int64_t kPart = 32;
  const auto* pool = pool_for(row, pod);
  if (pool == nullptr || pool->count < pod.device_count) return 0;
  auto& worth = values(policy);
  NodeShape empty{.product = worth.model().product_index(state.text(pool->product)),
                  .devices = pool->count,
                  .cpu_milli = row.spec->allocatable.cpu_milli};
  std::fill_n(empty.free.begin(), empty.devices, static_cast<int16_t>(kWholeDevice));
  auto after = pod.shares() ? empty.after_share(0, pod.device_milli, pod.cpu_milli)
                            : empty.after_whole(pod.device_count, pod.cpu_milli);
  int64_t loss = worth.potential(empty) - worth.potential(after);
  return policy.fragmentation * (loss * kPoint / (kPotentialUnit * 10)) / kPart;
}

int64_t CacheTable::group_price(ClusterState& state, const Policy& policy, uint32_t group,
                                const CompiledClass& pod) {
  if (policy.strategy != Strategy::kPackability || pod.device_count == 0) return 0;
  prices_.update(state, kinds_, values(policy).model());
  // 8 points per ten thousandths of a device where the kind is as scarce as all free devices together.
  constexpr int64_t kPrice = 8;
  int64_t scarcity = std::min<int64_t>(prices_.scarcity(group), 5 * 1024);
  return policy.fragmentation * (kPrice * scarcity * scarcity * pod.device_demand() / (10 * 1024));
}

}  // namespace stowage::engine
