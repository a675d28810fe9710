#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/core/node.h"
#include "api/core/pod.h"
#include "gpu-scheduler/capacity_pools.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/gang_contract.h"
#include "gpu-scheduler/queue.h"
#include "gpu-scheduler/translate.h"

namespace stowage::scheduler {

using PodRef = std::shared_ptr<const api::Pod>;
using NodeRef = std::shared_ptr<const api::Node>;

/// Where a pod stands for us.
enum class PodPhase : uint8_t {
  kWaiting,  ///< Ours, not bound, nothing assumed.
  kGated,    ///< Ours, not bound, has scheduling gates.
  kAssumed,  ///< Ours, placed by a decision whose bind is not confirmed.
  kBound,    ///< Anybody's: holds capacity on its node until it ends.
};

struct PodRecord {
  PodRef pod;
  PodPhase phase = PodPhase::kWaiting;
  std::string node;  ///< Of an assumed or bound pod.
  std::string unit;  ///< Empty for foreign pods.
};

/// The cluster as the informers and our own decisions tell it: feeds the engine's state. Foreign pods count
/// as soon as they are seen; terminating pods keep what they hold; assumed pods count until they are
/// confirmed or forgotten. Pure: no IO, no clock.
class ClusterCache {
 public:
  /// `storage.claim_in_use` may be empty: the cache knows the pods and answers itself.
  ClusterCache(std::string scheduler_name, StorageLookup storage);
  ClusterCache(const ClusterCache&) = delete;
  ClusterCache& operator=(const ClusterCache&) = delete;

  // What informers report. Each returns the events that may help waiting units.
  EventMask pod_changed(const PodRef& old, const PodRef& now);
  EventMask node_changed(const NodeRef& old, const NodeRef& now);
  EventMask namespace_changed(const api::ObjectMeta& meta, bool gone);
  /// Tiers and prices changed: nodes are translated anew.
  EventMask pools_changed(CapacityPools pools);
  Result<EventMask> set_topology_levels(std::vector<engine::TopologyLevel> levels);

  // What our own decisions do.
  /// The engine holds the pod on `node` already (place() put it there).
  void assumed(std::string_view uid, const std::string& node);
  /// A definite answer said that the pod is not bound by us: frees it. kCapacityFreed, or 0 when nothing was
  /// assumed.
  EventMask forget(std::string_view uid);

  [[nodiscard]] engine::ClusterState& state() { return state_; }
  [[nodiscard]] const engine::ClusterState& state() const { return state_; }
  [[nodiscard]] const PodRecord* find(std::string_view uid) const;
  /// Whether the node of an assumed pod still has room for it, now that others have bound pods as well. True
  /// of a pod that holds nothing.
  [[nodiscard]] bool still_fits(std::string_view uid) const;
  /// UID of the node object now; empty when there is none.
  [[nodiscard]] std::string_view node_uid(std::string_view node) const;
  [[nodiscard]] const CapacityPools& pools() const { return pools_; }
  /// UIDs of the nodes that exist, by name. What they are made of is in the engine's state alone.
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& nodes() const { return nodes_; }
  /// UIDs of the members of a unit, waiting or placed, in order; null when there are none. Valid until the
  /// next pod event.
  [[nodiscard]] const std::vector<std::string_view>* members(std::string_view unit) const;
  /// Units of the pods that this controller owns, in order of name.
  [[nodiscard]] std::vector<std::string> units_of(std::string_view owner_uid) const;
  /// Units touched by pod events since the last call, each once, in order of name.
  std::set<std::string> take_touched() { return std::exchange(touched_, {}); }
  [[nodiscard]] size_t pods() const { return records_.size(); }

  /// The class of a pod as the engine counts it: labels that no selector in the cluster looks at are left
  /// out, so that replicas share a class.
  Result<engine::ClassId> class_of(const api::Pod& pod, const DeviceWishes& wishes, VolumeNeeds volumes);
  [[nodiscard]] const StorageLookup& storage() const { return storage_; }

  /// Finds a PodGroup by "ns/name". Unset: the cluster serves none, and schedulingGroup is left alone.
  using PodGroupLookup = std::function<std::shared_ptr<const PodGroupObject>(std::string_view key)>;
  void set_pod_groups(PodGroupLookup lookup) { pod_groups_ = std::move(lookup); }
  [[nodiscard]] const PodGroupLookup& pod_groups() const { return pod_groups_; }

 private:
  [[nodiscard]] bool claim_in_use(std::string_view key) const;
  EventMask upsert(const PodRef& now);
  EventMask erase(const std::string& uid);
  void place(PodRecord& record);
  void unplace(const std::string& uid, const PodRecord& record);
  void join(std::string_view uid, PodRecord& record);
  void leave(std::string_view uid, const std::string& from, const api::Pod& pod);
  void note_selectors(const engine::PodClass& pod_class);
  void recount(const std::string& label_key);

  std::string scheduler_name_;
  StorageLookup storage_;
  PodGroupLookup pod_groups_;
  engine::ClusterState state_{engine::default_topology_levels()};
  CapacityPools pools_;
  std::map<std::string, std::string, std::less<>> nodes_;
  std::unordered_map<std::string, PodRecord> records_;
  /// Members are views of the keys of records_.
  std::map<std::string, std::vector<std::string_view>, std::less<>> units_;
  /// Controller UID -> unit -> how many of its pods are in it.
  std::map<std::string, std::map<std::string, int>, std::less<>> owners_;
  /// Pods on nodes that we do not know (yet): counted when the node appears.
  std::map<std::string, std::set<std::string>, std::less<>> homeless_;
  std::set<std::string, std::less<>> selector_keys_;
  std::set<std::string> touched_;
};

}  // namespace stowage::scheduler
