#include "gpu-scheduler/cluster_cache.h"

namespace stowage::scheduler {
namespace {

void add_keys(const std::optional<engine::LabelSelector>& selector,
              std::set<std::string, std::less<>>& keys) {
  if (!selector) return;
  for (const auto& [key, value] : selector->match_labels)
    keys.insert(key);
  for (const auto& requirement : selector->match_expressions)
    keys.insert(requirement.key);
}

void add_keys(const engine::PodAffinityTerm& term, std::set<std::string, std::less<>>& keys) {
  add_keys(term.label_selector, keys);
  keys.insert(term.match_label_keys.begin(), term.match_label_keys.end());
  keys.insert(term.mismatch_label_keys.begin(), term.mismatch_label_keys.end());
}

/// Every pod label that a rule of this class looks at, its own or another pod's.
std::set<std::string, std::less<>> keys_of(const engine::PodClass& pod_class) {
  std::set<std::string, std::less<>> keys;
  for (const auto& term : pod_class.required_affinity)
    add_keys(term, keys);
  for (const auto& term : pod_class.required_anti_affinity)
    add_keys(term, keys);
  for (const auto& weighted : pod_class.preferred_affinity)
    add_keys(weighted.term, keys);
  for (const auto& weighted : pod_class.preferred_anti_affinity)
    add_keys(weighted.term, keys);
  for (const auto& constraint : pod_class.spread_constraints) {
    add_keys(constraint.label_selector, keys);
    keys.insert(constraint.match_label_keys.begin(), constraint.match_label_keys.end());
  }
  return keys;
}

/// The node with tier and price of the pool it belongs to, or else as its labels say.
engine::NodeSpec with_capacity(engine::NodeSpec spec, const CapacityPools& pools) {
  const auto capacity = pools.of(spec);
  spec.tier = capacity ? capacity->tier : tier_of_labels(spec.labels);
  spec.price_micro = capacity ? capacity->price_micro : 0;
  return spec;
}

}  // namespace

EventMask ClusterCache::node_changed(const NodeRef& old, const NodeRef& now) {
  if (!now) {
    nodes_.erase(old->meta.name);
    const auto index = state_.find_node(old->meta.name);
    if (!index) return 0;
    // Their pods exist until somebody deletes them; should the node return, they count again.
    for (const engine::PodIndex pod : state_.node(*index).pods)
      homeless_[old->meta.name].insert(state_.pod(pod).uid);
    state_.remove_node(old->meta.name);
    return bit(ClusterEvent::kNodeChanged);
  }
  const bool known = nodes_.contains(now->meta.name);
  nodes_[now->meta.name] = now->meta.uid;
  const uint64_t before = known ? state_.layout_version() : 0;
  auto index = state_.upsert_node(with_capacity(to_node_spec(*now, nullptr), pools_));
  if (!index) return 0;
  if (known) return state_.layout_version() == before ? 0 : bit(ClusterEvent::kNodeChanged);
  if (auto waiting = homeless_.extract(now->meta.name)) {
    for (const std::string& uid : waiting.mapped()) {
      if (const auto it = records_.find(uid); it != records_.end() && it->second.node == now->meta.name)
        place(it->second);
    }
  }
  return bit(ClusterEvent::kNodeAdded);
}

EventMask ClusterCache::pools_changed(CapacityPools pools) {
  pools_ = std::move(pools);
  const uint64_t before = state_.layout_version();
  for (const auto& [name, uid] : nodes_) {
    if (const auto index = state_.find_node(name))
      static_cast<void>(state_.upsert_node(with_capacity(*state_.node(*index).spec, pools_)));
  }
  return state_.layout_version() == before ? 0 : bit(ClusterEvent::kNodeChanged);
}

Result<EventMask> ClusterCache::set_topology_levels(std::vector<engine::TopologyLevel> levels) {
  if (state_.topology_levels() == levels) return 0;
  TRY_VOID(state_.set_topology_levels(std::move(levels)));
  return bit(ClusterEvent::kPolicyChanged);
}

Result<engine::ClassId> ClusterCache::class_of(const api::Pod& pod, const DeviceWishes& wishes,
                                               VolumeNeeds volumes) {
  engine::PodClass out = to_pod_class(pod, wishes, std::move(volumes));
  if (out.looks_at_other_pods()) note_selectors(out);
  // A selector sees a pod's labels only through the keys it names, so the others cannot matter to anybody.
  erase_if(out.labels, [this](const auto& entry) { return !selector_keys_.contains(entry.first); });
  return state_.intern(out);
}

void ClusterCache::note_selectors(const engine::PodClass& pod_class) {
  for (const std::string& key : keys_of(pod_class)) {
    if (selector_keys_.insert(key).second) recount(key);
  }
}

void ClusterCache::recount(const std::string& label_key) {
  for (auto& [uid, record] : records_) {
    const auto index = state_.find_pod(uid);
    if (!index || !record.pod->meta.labels.contains(label_key)) continue;
    engine::RunningPod running = state_.pod(*index);
    engine::PodClass wider = state_.pod_class(running.pod_class);
    wider.labels.insert_or_assign(label_key, record.pod->meta.labels.at(label_key));
    const auto id = state_.intern(wider);
    if (!id) continue;
    running.pod_class = *id;
    state_.remove_pod(*index);
    static_cast<void>(state_.add_pod(std::move(running)));
  }
}

}  // namespace stowage::scheduler
