#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/cow.h"
#include "gpu-scheduler/engine/cross_pod.h"
#include "gpu-scheduler/engine/node_spec.h"
#include "gpu-scheduler/engine/pod_class.h"
#include "gpu-scheduler/engine/spread_index.h"
#include "gpu-scheduler/engine/topology.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::engine {

struct Interner;
struct CompiledClass;
class CacheTable;

/// A pod that holds capacity on a node: running, bound, or assumed by a decision that is being written.
struct RunningPod {
  std::string uid;   ///< Unique among the pods of a state. Empty: reachable by its PodIndex only.
  std::string name;  ///< "namespace/name", for people.
  ClassId pod_class = kNone;
  NodeIndex node = kNone;
  /// The devices it holds, bit = index on the node; 0 with a device request: the first idle ones are taken.
  uint64_t devices = 0;
  int32_t priority = 0;
  std::string group;                 ///< Gang it belongs to; victims are taken by whole groups. Empty: alone.
  std::string spread_key;            ///< What replicas are spread over (e.g. the deployment). Empty: nothing.
  std::vector<std::string> budgets;  ///< PodDisruptionBudgets that cover it ("namespace/name").
  bool terminating =
      false;            ///< Being deleted: holds its capacity, but is neither victim nor counted by spread.
  bool movable = true;  ///< False: never a victim and never moved.
  /// Not a victim before this second of the caller's clock: the cooldown of a pod that was a victim before.
  int64_t protected_until = 0;
};

/// One accelerator pool of a node, as columns over its devices.
struct DevicePool {
  uint32_t resource = kNone;  ///< Interned extended resource.
  StringId product = 0;
  int64_t memory_bytes = 0;
  uint8_t first = 0;  ///< First device of the pool in NodeRow::device_free.
  uint8_t count = 0;
  bool shareable = false;
};

/// What is free on one node. Values may be negative where foreign pods oversubscribe it.
struct NodeRow {
  std::shared_ptr<const NodeSpec> spec;  ///< Null: the index is not in use.
  uint64_t spec_version = 0;             ///< Changes with `spec`.
  int64_t free_cpu_milli = 0;
  int64_t free_memory_bytes = 0;
  int64_t free_ephemeral_bytes = 0;
  int64_t free_pods = 0;
  std::vector<int64_t> free_extended;  ///< By interned resource; of device pools: idle devices. Missing = 0.
  std::vector<int16_t> device_free;    ///< Free thousandths per device.
  std::vector<DevicePool> pools;
  std::vector<PodIndex> pods;
  bool reserved = false;  ///< Kept free for a demand that is to come: takes no new pods.
  /// Foreign pods hold more of some device than it has; then devices are counted anew with every change.
  bool contended = false;
  /// The node's object says nothing that filters and scores look at beyond its room, its labels and name: no
  /// taints, not cordoned, no price.
  bool plain = true;
  [[nodiscard]] int64_t extended(uint32_t resource) const {
    return resource < free_extended.size() ? free_extended[resource] : 0;
  }
};

/// The cluster as placement sees it: nodes, what runs on them, and interned classes. One thread at a time; a
/// fork may be used by another thread. Everything is deterministic: the same calls give the same state.
class ClusterState {
 public:
  ClusterState();
  explicit ClusterState(std::vector<TopologyLevel> levels);
  ~ClusterState();
  ClusterState(ClusterState&&) noexcept;
  ClusterState& operator=(ClusterState&&) noexcept;

  /// A copy that shares everything until one of the two writes: O(pages), below 1 ms at 5,000 nodes and
  /// 150,000 pods. The undo log is not copied.
  [[nodiscard]] ClusterState fork() const;

  // Topology
  // -----------------------------------------------------------------------------------------------------
  /// Replaces the levels and recomputes the domains. Not inside a checkpoint.
  Result<void> set_topology_levels(std::vector<TopologyLevel> levels);
  [[nodiscard]] const std::vector<TopologyLevel>& topology_levels() const { return levels_; }
  [[nodiscard]] std::optional<uint32_t> level_index(std::string_view name) const;
  /// All domains, sorted by level, then path; ids are positions and hold until a node is added, removed or
  /// updated.
  [[nodiscard]] std::span<const Domain> domains() const;
  /// The node's domain at the level, or kNone when it carries none of the level's labels.
  [[nodiscard]] DomainId domain_of(NodeIndex node, uint32_t level) const;

  // Classes
  // ------------------------------------------------------------------------------------------------------
  /// The number of the class. Errors: kInvalidArgument naming the field (negative amounts, a share of several
  /// devices, share outside 1..1000, weights outside 1..100).
  Result<ClassId> intern(const PodClass& pod_class);
  [[nodiscard]] const PodClass& pod_class(ClassId id) const;
  [[nodiscard]] const CompiledClass& compiled(ClassId id) const;
  [[nodiscard]] size_t class_count() const;

  // Nodes
  // --------------------------------------------------------------------------------------------------------
  /// Adds the node or replaces what is known of the one with this name; its pods stay and are counted against
  /// the new capacity. An equal specification changes nothing. Errors: kInvalidArgument naming the field
  /// (negative amounts, more than 64 devices, group list of the wrong length). Not inside a checkpoint.
  Result<NodeIndex> upsert_node(NodeSpec spec);
  /// Removes the node and the pods on it. False when there is none of this name. Not inside a checkpoint.
  bool remove_node(std::string_view name);
  [[nodiscard]] std::optional<NodeIndex> find_node(std::string_view name) const;
  [[nodiscard]] bool has_node(NodeIndex node) const { return node < nodes_.size() && nodes_[node].spec; }
  [[nodiscard]] const NodeRow& node(NodeIndex node) const { return nodes_[node]; }
  [[nodiscard]] const std::string& node_name(NodeIndex node) const { return nodes_[node].spec->name; }
  /// Changes with everything on the node; never used again for another content.
  [[nodiscard]] uint64_t node_version(NodeIndex node) const { return versions_[node]; }
  /// The same of all nodes, by index.
  [[nodiscard]] std::span<const uint64_t> node_versions() const { return versions_; }
  /// Keeps the node's free room from every placement (pods that run stay), or gives it back. Not undone by
  /// rollback, so not inside a checkpoint.
  void set_reserved(NodeIndex node, bool reserved);
  /// Upper bound of node indices; some below it may be unused (has_node).
  [[nodiscard]] size_t node_limit() const { return nodes_.size(); }
  [[nodiscard]] size_t node_count() const { return node_count_; }
  /// Nodes in the order of ties: rank, then name. Holds until a node is added, removed or updated.
  [[nodiscard]] std::span<const NodeIndex> nodes_in_order() const;
  /// Position of a node in nodes_in_order().
  [[nodiscard]] uint32_t order_of(NodeIndex node) const;

  /// Labels of a namespace (for namespaceSelector). An unknown namespace has none.
  void set_namespace(std::string name, Labels labels);
  void remove_namespace(std::string_view name);
  [[nodiscard]] const Labels& namespace_labels(std::string_view name) const;
  /// True when set_namespace named it: kube-scheduler tells a namespace without labels from one without
  /// object.
  [[nodiscard]] bool has_namespace(std::string_view name) const {
    return namespaces_->find(name) != namespaces_->end();
  }

  /// Evictions that a PodDisruptionBudget still allows (status.disruptionsAllowed). Unknown budgets allow
  /// none.
  void set_budget(std::string name, int32_t disruptions_allowed);
  void remove_budget(std::string_view name);
  [[nodiscard]] int32_t budget(std::string_view name) const;

  // Pods
  // ---------------------------------------------------------------------------------------------------------
  /// The pod now holds its class's requests on its node, whether or not they fit. Errors: kAlreadyExists
  /// (same uid), kNotFound (node, class), kInvalidArgument (devices that the node has not, sums that cannot
  /// be counted). Undone by rollback.
  Result<PodIndex> add_pod(RunningPod pod);
  /// The same without checks, for placement: the devices must be idle or have the share free.
  PodIndex assign(RunningPod pod);
  /// Frees what the pod held. Undone by rollback.
  void remove_pod(PodIndex pod);
  /// False when there is no pod with this uid.
  bool remove_pod(std::string_view uid);
  /// Marks a pod as being deleted. False when there is none.
  bool set_terminating(std::string_view uid);
  [[nodiscard]] std::optional<PodIndex> find_pod(std::string_view uid) const;
  [[nodiscard]] const RunningPod& pod(PodIndex pod) const { return pods_[pod]; }
  [[nodiscard]] size_t pod_count() const { return pod_count_; }
  [[nodiscard]] size_t pod_limit() const { return pods_.size(); }
  /// True while the index holds a pod.
  [[nodiscard]] bool has_pod(PodIndex pod) const { return pod < pods_.size() && pods_[pod].node != kNone; }

  // Undo
  // ---------------------------------------------------------------------------------------------------------
  /// A point to return to. Checkpoints nest; each is ended by one rollback or commit, innermost first.
  using Checkpoint = size_t;
  Checkpoint checkpoint();
  /// Undoes every assign, add_pod, remove_pod and set_terminating since the checkpoint, bit for bit.
  /// O(changes).
  void rollback(Checkpoint point);
  /// Keeps the changes; the log is dropped when the outermost checkpoint is committed.
  void commit(Checkpoint point);

  /// A hash over all content, for tests of undo and of determinism.
  [[nodiscard]] uint64_t digest() const;

  // For the engine's own parts
  // -----------------------------------------------------------------------------------
  [[nodiscard]] std::string_view text(StringId id) const;
  [[nodiscard]] StringId intern_text(std::string_view text);
  [[nodiscard]] uint32_t resource_id(std::string_view name);
  [[nodiscard]] std::string_view resource_name(uint32_t resource) const;
  [[nodiscard]] CrossPod& cross_pod();
  [[nodiscard]] CacheTable& caches() { return *caches_; }
  /// Gangs by what they are spread over.
  [[nodiscard]] const SpreadIndex& spread_index() const { return *spread_; }
  /// Nodes whose version changed, oldest first, as far back as is kept: entries [change_base, change_end).
  [[nodiscard]] uint64_t change_base() const { return change_base_; }
  [[nodiscard]] uint64_t change_end() const { return change_base_ + changes_.size(); }
  [[nodiscard]] NodeIndex change(uint64_t position) const { return changes_[position - change_base_]; }
  /// Changes whenever a node is added, removed or updated.
  [[nodiscard]] uint64_t layout_version() const { return layout_version_; }

 private:
  struct Undo;
  struct Layout;
  ClusterState(const ClusterState&);
  void take(NodeRow& row, RunningPod& pod, bool choose);
  void give(NodeRow& row, const RunningPod& pod);
  static void take_amounts(NodeRow& row, const CompiledClass& wanted, int64_t times);
  void count_devices(NodeRow& row, const RunningPod* joining) const;
  void touch(NodeIndex node);
  /// The pod runs now (+1) or no longer does (-1): for the rules between pods.
  void pod_changed(PodIndex index, const RunningPod& pod, int delta);
  PodIndex put_pod(RunningPod pod, bool log);
  void drop_pod(PodIndex pod, bool log);
  void undo_add(const Undo& entry);
  void undo_remove(Undo& entry);
  void build_row(NodeRow& row);
  void layout_changed();
  const Layout& layout() const;
  void find_domains(Layout& out) const;
  Interner& writable_interner();

  std::vector<TopologyLevel> levels_;
  CowVector<NodeRow, 16> nodes_;
  std::vector<uint64_t> versions_;  ///< By node; a column of its own, because every decision reads it.
  CowVector<RunningPod, 128> pods_;
  CowIndex node_index_;
  CowIndex pod_index_;
  std::vector<NodeIndex> free_nodes_;
  std::vector<PodIndex> free_pods_;
  size_t node_count_ = 0;
  size_t pod_count_ = 0;
  std::shared_ptr<Interner> interner_;
  std::shared_ptr<std::map<std::string, Labels, std::less<>>> namespaces_;
  std::map<std::string, int32_t, std::less<>> budgets_;
  mutable std::shared_ptr<const Layout> layout_;
  uint64_t layout_version_ = 1;
  uint64_t next_version_ = 1;
  std::vector<NodeIndex> changes_;
  uint64_t change_base_ = 0;
  std::vector<Undo> undo_;
  size_t open_checkpoints_ = 0;
  std::shared_ptr<CrossPod> cross_pod_;
  std::shared_ptr<SpreadIndex> spread_;
  std::unique_ptr<CacheTable> caches_;
};

}  // namespace stowage::engine
