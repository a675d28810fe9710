#include <algorithm>
#include <limits>
#include <span>

#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/node_terms.h"

/// Bringing the cache of one class up to date.
namespace stowage::engine {
namespace {

/// From so many changes on (nodes / this) all versions are compared in one pass: a pass over two columns
/// costs as much as a few visits in the order of the log.
constexpr uint64_t kPassPerChange = 16;

/// The version of a node that the filters of its object reject: no change of its room is looked at.
constexpr uint64_t kRejectedForGood = std::numeric_limits<uint64_t>::max();

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

}  // namespace

/// The nodes that changed since the cache was last asked for.
void CacheTable::catch_up(Refresh& task) {
  auto& cache = task.cache;
  const auto& state = task.state;
  const std::span<const uint64_t> versions = state.node_versions();
  changed_.clear();
  auto look = [&](NodeIndex node) {
    if (cache.versions[node] == versions[node] || cache.versions[node] == kRejectedForGood) return;
    // A class that was not asked for in a while has left the processor's caches.
    __builtin_prefetch(&cache.verdicts[node]);
    __builtin_prefetch(&cache.scores[node]);
    __builtin_prefetch(&cache.entries[node]);
    changed_.push_back(node);
  };
  const bool lost = cache.log_position < state.change_base();
  if (lost || (state.change_end() - cache.log_position) * kPassPerChange > state.node_count()) {
    for (NodeIndex node = 0; node < versions.size(); ++node)
      look(node);
  } else {
    for (; cache.log_position < state.change_end(); ++cache.log_position)
      look(state.change(cache.log_position));
  }
  for (const NodeIndex node : changed_)
    if (cache.versions[node] != versions[node]) refresh_node(task, node, true);
}

void CacheTable::rebuild(Refresh& task) {
  auto& cache = task.cache;
  const auto& state = task.state;
  cache.entries.resize(state.node_limit());
  cache.verdicts.resize(state.node_limit());
  cache.spec_versions.resize(state.node_limit(), 0);
  cache.versions.assign(state.node_versions().begin(), state.node_versions().end());
  cache.scores.assign(state.node_limit(), ClassCache::kInfeasible);
  cache.trees.reset(kinds_);
  cache.rejections.clear();
  cache.feasible = 0;
  cache.domain_slots.assign(cache.counts_slots ? state.domains().size() : 0, 0);
  for (const NodeIndex node : state.nodes_in_order()) {
    look_at_object(task, node);
    refresh_node(task, node, false);
  }
  cache.trees.build();
  cache.layout_version = state.layout_version();
}

/// What follows from the node's object, and from the scale of the whole cluster.
void CacheTable::look_at_object(Refresh& task, NodeIndex node) {
  const auto& row = task.state.node(node);
  auto& entry = task.cache.entries[node];
  auto& fixed = task.cache.verdicts[node].fixed;
  auto& seen = task.cache.spec_versions[node];
  if (seen != row.spec_version) fixed = check_fixed(task.state, *row.spec, row, task.pod);
  seen = row.spec_version;
  entry.slots = 0;
  const int64_t bonus = node_terms(row, task.pod, task.policy, scale_).sum();
  entry.fixed_bonus = static_cast<int32_t>(std::clamp<int64_t>(bonus, -2'000'000'000, 2'000'000'000));
  if (!fixed && task.policy.strategy == Strategy::kPackability)
    entry.standing_price = standing_price(task, row);
}

void CacheTable::refresh_node(Refresh& task, NodeIndex node, bool in_tree) {
  auto& [state, cache, pod, policy, model, standing] = task;
  const auto& row = state.node(node);
  auto& [fixed, known] = cache.verdicts[node];
  cache.versions[node] = fixed ? kRejectedForGood : state.node_version(node);
  const Rejection verdict = fixed ? fixed : check_room(state, row, pod);
  if (in_tree && verdict && verdict == known) return;
  if (!in_tree) {
    count(state, cache, node, verdict, +1);
  } else if (verdict != known) {
    count(state, cache, node, known, -1);
    count(state, cache, node, verdict, +1);
  }
  known = verdict;
  auto& entry = cache.entries[node];
  if (cache.counts_slots) {
    const int32_t slots = verdict ? 0 : count_slots(row, pod);
    for (uint32_t level = 0; slots != entry.slots && level < state.topology_levels().size(); ++level) {
      const DomainId domain = state.domain_of(node, level);
      if (domain != kNone) cache.domain_slots[domain] += slots - entry.slots;
    }
    entry.slots = slots;
  }
  const int64_t score = verdict ? ClassCache::kInfeasible : this->score(task, node, entry);
  if (!in_tree) {
    cache.trees.set(node, score);
  } else if (score != cache.scores[node]) {
    cache.trees.replay(node, score);
  }
  cache.scores[node] = score;
}

int64_t CacheTable::score(Refresh& task, NodeIndex node, ClassCache::Entry& entry) {
  const auto& policy = task.policy;
  const auto& row = task.state.node(node);
  const auto* pool = pool_for(row, task.pod);
  const Choice choice = choose(task, node, pool);
  entry.device_free = choice.device_free;
  int64_t score = choice.score * (task.model != nullptr ? policy.fragmentation : 100) + entry.fixed_bonus -
                  entry.standing_price;
  if (policy.packing > 0) score += policy.packing * score_best_fit(row, pool, task.pod, scale_).score;
  if (policy.spread > 0) score += policy.spread * score_spread(row, pool, task.pod, scale_).score;
  return score;
}

Choice CacheTable::choose(Refresh& task, NodeIndex node, const DevicePool* pool) {
  const auto& row = task.state.node(node);
  const auto& pod = task.pod;
  if (task.policy.strategy == Strategy::kBestFit) return score_best_fit(row, pool, pod, scale_);
  if (task.policy.strategy == Strategy::kSpread) return score_spread(row, pool, pod, scale_);
  const bool fgd = task.policy.strategy == Strategy::kFgd;
  auto& values = *task.model->values;
  if (pool != nullptr && pool != &row.pools.front()) {
    auto shape = shape_of(task.state, row, pool, values.model());
    return fgd ? score_fgd(values, row, pool, shape, values.fragmentation(shape), pod)
               : score_packability(values, shape, pod);
  }
  auto& known = memo(task.state, *task.model, node);
  if (!fgd) return score_packability(values, known.shape, pod);
  if (known.fragmentation < 0) known.fragmentation = values.fragmentation(known.shape);
  return score_fgd(values, row, pool, known.shape, known.fragmentation, pod);
}

int64_t CacheTable::standing_price(Refresh& task, const NodeRow& row) {
  constexpr int64_t kPart = 32;
  const auto& pod = task.pod;
  const auto* pool = pool_for(row, pod);
  if (pool == nullptr || pool->count < pod.device_count) return 0;
  auto& worth = *task.model->values;
  NodeShape empty{.product = worth.model().product_index(task.state.text(pool->product)),
                  .devices = pool->count,
                  .cpu_milli = row.spec->allocatable.cpu_milli};
  for (const auto& known : task.standing) {
    if (known.product == empty.product && known.devices == empty.devices &&
        known.cpu_milli == empty.cpu_milli)
      return known.price;
  }
  std::fill_n(empty.free.begin(), empty.devices, static_cast<int16_t>(kWholeDevice));
  auto after = pod.shares() ? empty.after_share(0, pod.device_milli, pod.cpu_milli)
                            : empty.after_whole(pod.device_count, pod.cpu_milli);
  const int64_t loss = worth.potential(empty) - worth.potential(after);
  const int64_t price = task.policy.fragmentation * (loss * kPoint / (kPotentialUnit * 10)) / kPart;
  task.standing.push_back({empty.product, empty.devices, empty.cpu_milli, price});
  return price;
}

}  // namespace stowage::engine
