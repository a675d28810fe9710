#include "gpu-scheduler/cluster_cache.h"

#include <algorithm>

#include "base/check.h"
#include "gpu-scheduler/engine/fit.h"

namespace stowage::scheduler {
namespace {

/// What a pending pod's spec says that a decision reads; changes of status alone wake nobody.
bool same_for_placement(const api::Pod& a, const api::Pod& b) {
  return a.meta.resource_version == b.meta.resource_version ||
         (a.meta.labels == b.meta.labels && a.meta.annotations == b.meta.annotations && a.spec == b.spec &&
          a.meta.deleted.has_value() == b.meta.deleted.has_value() && a.terminal() == b.terminal());
}

/// A running pod that holds something else than before (it was resized in place), or that selectors see anew.
bool counts_differently(const api::Pod& a, const api::Pod& b) {
  return a.meta.labels != b.meta.labels || effective_requests(a) != effective_requests(b);
}

}  // namespace

ClusterCache::ClusterCache(std::string scheduler_name, StorageLookup storage)
    : scheduler_name_(std::move(scheduler_name)), storage_(std::move(storage)) {
  if (!storage_.claim_in_use)
    storage_.claim_in_use = [this](std::string_view key) { return claim_in_use(key); };
}

/// Asked for ReadWriteOncePod claims alone, so no index is kept. O(pods).
bool ClusterCache::claim_in_use(std::string_view key) const {
  return std::ranges::any_of(records_, [&](const auto& entry) {
    const PodRecord& record = entry.second;
    if (record.node.empty() || record.pod->spec.volumes.empty() || record.pod->terminal()) return false;
    const std::string prefix = record.pod->meta.ns + "/";
    return key.starts_with(prefix) && std::ranges::any_of(record.pod->spec.volumes, [&](const auto& volume) {
             return volume.claim == key.substr(prefix.size());
           });
  });
}

const PodRecord* ClusterCache::find(std::string_view uid) const {
  const auto it = records_.find(std::string(uid));
  return it == records_.end() ? nullptr : &it->second;
}

std::string_view ClusterCache::node_uid(std::string_view node) const {
  const auto it = nodes_.find(node);
  return it == nodes_.end() ? std::string_view{} : std::string_view(it->second);
}

const std::vector<std::string_view>* ClusterCache::members(std::string_view unit) const {
  const auto it = units_.find(unit);
  return it == units_.end() ? nullptr : &it->second;
}

EventMask ClusterCache::pod_changed(const PodRef& old, const PodRef& now) {
  EventMask events = 0;
  if (old && (!now || old->meta.uid != now->meta.uid)) events |= erase(old->meta.uid);
  if (now) events |= upsert(now);
  return events;
}

EventMask ClusterCache::upsert(const PodRef& now) {
  const std::string& uid = now->meta.uid;
  if (now->terminal()) return erase(uid);
  const bool bound = !now->spec.node_name.empty();
  const auto it = records_.find(uid);
  // Only after binding does a pod that is being deleted hold anything.
  if (!bound && (now->spec.scheduler_name != scheduler_name_ || now->terminating())) return erase(uid);

  if (it == records_.end()) {
    const auto [added, fresh] = records_.try_emplace(uid);
    PodRecord& record = added->second;
    record.pod = now;
    join(added->first, record);
    if (bound) {
      record.phase = PodPhase::kBound;
      record.node = now->spec.node_name;
      place(record);
      return bit(ClusterEvent::kPodPlaced);
    }
    record.phase = now->spec.scheduling_gates.empty() ? PodPhase::kWaiting : PodPhase::kGated;
    return 0;
  }

  PodRecord& record = it->second;
  const PodRef before = std::exchange(record.pod, now);
  if (bound) {
    const bool started_ending = now->terminating() && !before->terminating();
    if (record.phase != PodPhase::kBound || record.node != now->spec.node_name) {
      // Confirmed where it was assumed: the engine has it already.
      const bool confirmed = record.phase == PodPhase::kAssumed && record.node == now->spec.node_name;
      if (record.phase == PodPhase::kAssumed && !confirmed) unplace(uid, record);
      record.phase = PodPhase::kBound;
      record.node = now->spec.node_name;
      if (!confirmed) place(record);
      if (!record.unit.empty()) touched_.insert(record.unit);
      return bit(ClusterEvent::kPodPlaced);
    }
    if (counts_differently(*before, *now)) {
      unplace(uid, record);
      place(record);
      return bit(ClusterEvent::kCapacityFreed) | bit(ClusterEvent::kPodPlaced);
    }
    if (started_ending) {
      state_.set_terminating(uid);
      if (!record.unit.empty()) touched_.insert(record.unit);
    }
    return 0;
  }
  if (record.phase == PodPhase::kAssumed || same_for_placement(*before, *now)) return 0;
  leave(uid, record.unit, *before);
  record.phase = now->spec.scheduling_gates.empty() ? PodPhase::kWaiting : PodPhase::kGated;
  join(it->first, record);
  return 0;
}

EventMask ClusterCache::erase(const std::string& uid) {
  const auto it = records_.find(uid);
  if (it == records_.end()) return 0;
  const bool held = it->second.phase == PodPhase::kBound || it->second.phase == PodPhase::kAssumed;
  if (held) unplace(uid, it->second);
  leave(uid, it->second.unit, *it->second.pod);
  records_.erase(it);
  return held ? bit(ClusterEvent::kCapacityFreed) : 0;
}

/// `uid` is the record's key.
void ClusterCache::join(std::string_view uid, PodRecord& record) {
  record.unit.clear();
  if (record.pod->spec.scheduler_name != scheduler_name_) return;
  record.unit = unit_key(*record.pod);
  auto& members = units_[record.unit];
  members.insert(std::ranges::lower_bound(members, uid), uid);
  if (const api::OwnerReference* owner = record.pod->meta.controller()) ++owners_[owner->uid][record.unit];
  touched_.insert(record.unit);
}

void ClusterCache::leave(std::string_view uid, const std::string& from, const api::Pod& pod) {
  const auto unit = units_.find(from);
  if (unit == units_.end()) return;
  touched_.insert(from);
  std::erase(unit->second, uid);
  if (unit->second.empty()) units_.erase(unit);
  const api::OwnerReference* owner = pod.meta.controller();
  const auto owned = owner == nullptr ? owners_.end() : owners_.find(owner->uid);
  if (owned == owners_.end()) return;
  if (const auto count = owned->second.find(from); count != owned->second.end() && --count->second <= 0)
    owned->second.erase(count);
  if (owned->second.empty()) owners_.erase(owned);
}

std::vector<std::string> ClusterCache::units_of(std::string_view owner_uid) const {
  std::vector<std::string> out;
  const auto owned = owners_.find(owner_uid);
  if (owned == owners_.end()) return out;
  for (const auto& [unit, count] : owned->second)
    out.push_back(unit);
  return out;
}

void ClusterCache::place(PodRecord& record) {
  const api::Pod& pod = *record.pod;
  const auto node = state_.find_node(record.node);
  if (!node) {
    homeless_[record.node].insert(pod.meta.uid);
    return;
  }
  const auto terms = read_terms(pod);
  auto id = class_of(pod, terms ? terms->wishes : DeviceWishes{}, {});
  // Whatever else is wrong with a foreign pod, what it holds must count.
  if (!id) {
    engine::PodClass plain{.requests = effective_requests(pod.spec)};
    auto& asked = plain.requests;
    for (int64_t* amount : {&asked.cpu_milli, &asked.memory_bytes, &asked.ephemeral_bytes})
      *amount = std::min(*amount, engine::kMaxAmount);
    for (auto& [name, amount] : asked.extended)
      amount = std::min(amount, engine::kMaxAmount);
    id = state_.intern(plain);
    if (!id) return;
  }
  engine::RunningPod running{.uid = pod.meta.uid,
                             .name = pod.meta.key(),
                             .pod_class = *id,
                             .node = *node,
                             .priority = pod.spec.priority,
                             .terminating = pod.terminating()};
  if (terms && !terms->group.empty()) running.group = pod.meta.ns + "/" + terms->group;
  if (terms && !terms->spread.level.empty()) running.spread_key = spread_key(pod);
  const auto added = state_.add_pod(std::move(running));
  STOWAGE_CHECK(added.has_value() || added.error().code != Code::kNotFound, "a known node took no pod");
}

void ClusterCache::unplace(const std::string& uid, const PodRecord& record) {
  state_.remove_pod(uid);
  const auto homeless = homeless_.find(record.node);
  if (homeless == homeless_.end()) return;
  homeless->second.erase(uid);
  if (homeless->second.empty()) homeless_.erase(homeless);
}

bool ClusterCache::still_fits(std::string_view uid) const {
  const auto pod = state_.find_pod(uid);
  return !pod || engine::still_has_room(state_, *pod);
}

void ClusterCache::assumed(std::string_view uid, const std::string& node) {
  const auto it = records_.find(std::string(uid));
  STOWAGE_CHECK(it != records_.end(), "an unknown pod was assumed");
  it->second.phase = PodPhase::kAssumed;
  it->second.node = node;
}

EventMask ClusterCache::forget(std::string_view uid) {
  const auto it = records_.find(std::string(uid));
  if (it == records_.end() || it->second.phase != PodPhase::kAssumed) return 0;
  unplace(it->first, it->second);
  it->second.phase = PodPhase::kWaiting;
  it->second.node.clear();
  touched_.insert(it->second.unit);
  return bit(ClusterEvent::kCapacityFreed);
}

EventMask ClusterCache::namespace_changed(const api::ObjectMeta& meta, bool gone) {
  if (gone) {
    state_.remove_namespace(meta.name);
  } else {
    state_.set_namespace(meta.name, meta.labels);
  }
  return bit(ClusterEvent::kNamespaceChanged);
}

}  // namespace stowage::scheduler
