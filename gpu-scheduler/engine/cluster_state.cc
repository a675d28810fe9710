#include "gpu-scheduler/engine/cluster_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"
#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/cluster_layout.h"
#include "gpu-scheduler/engine/interner.h"

namespace stowage::engine {
namespace {

const Labels kNoLabels;

Result<void> validate_spec(const NodeSpec& spec) {
  auto negative = [&](std::string_view field, int64_t value) -> Result<void> {
    if (value >= 0 && value <= kMaxAmount) return {};
    return fail(Code::kInvalidArgument,
                fmt::format("node {}: {} is {}, outside 0..2^60", spec.name, field, value));
  };
  if (spec.name.empty()) return fail(Code::kInvalidArgument, "node: name is empty");
  TRY_VOID(negative("allocatable.cpu", spec.allocatable.cpu_milli));
  TRY_VOID(negative("allocatable.memory", spec.allocatable.memory_bytes));
  TRY_VOID(negative("allocatable.ephemeral-storage", spec.allocatable.ephemeral_bytes));
  TRY_VOID(negative("allocatable.pods", spec.allocatable.pods));
  for (const auto& [name, amount] : spec.allocatable.extended) {
    TRY_VOID(negative(fmt::format("allocatable.{}", name), amount));
  }
  TRY_VOID(negative("price", spec.price_micro));
  int64_t devices = 0;
  std::set<std::string_view> resources;
  for (const auto& pool : spec.accelerators) {
    if (!resources.insert(pool.resource).second) {
      return fail(Code::kInvalidArgument,
                  fmt::format("node {}: accelerators.{} stands twice", spec.name, pool.resource));
    }
    TRY_VOID(negative(fmt::format("accelerators.{}.count", pool.resource), pool.count));
    TRY_VOID(negative(fmt::format("accelerators.{}.memory", pool.resource), pool.memory_bytes));
    if (!pool.group.empty() && pool.group.size() != static_cast<size_t>(pool.count)) {
      return fail(Code::kInvalidArgument,
                  fmt::format("node {}: accelerators.{}.group names {} of {} devices", spec.name,
                              pool.resource, pool.group.size(), pool.count));
    }
    devices += pool.count;
  }
  if (devices > static_cast<int64_t>(kMaxDevices)) {
    return fail(Code::kInvalidArgument,
                fmt::format("node {}: {} devices, at most {}", spec.name, devices, kMaxDevices));
  }
  return {};
}

}  // namespace

ClusterState::ClusterState() : ClusterState(default_topology_levels()) {}

ClusterState::ClusterState(std::vector<TopologyLevel> levels)
    : levels_(std::move(levels)),
      interner_(std::make_shared<Interner>()),
      namespaces_(std::make_shared<std::map<std::string, Labels, std::less<>>>()),
      cross_pod_(std::make_shared<CrossPod>()),
      spread_(std::make_shared<SpreadIndex>()),
      caches_(std::make_unique<CacheTable>()) {
  STOWAGE_CHECK(validate_topology_levels(levels_).has_value(), "topology levels must be validated first");
}

ClusterState::~ClusterState() = default;
ClusterState::ClusterState(ClusterState&&) noexcept = default;
ClusterState& ClusterState::operator=(ClusterState&&) noexcept = default;

ClusterState::ClusterState(const ClusterState& other)
    : levels_(other.levels_),
      nodes_(other.nodes_),
      versions_(other.versions_),
      pods_(other.pods_),
      node_index_(other.node_index_),
      pod_index_(other.pod_index_),
      free_nodes_(other.free_nodes_),
      free_pods_(other.free_pods_),
      node_count_(other.node_count_),
      pod_count_(other.pod_count_),
      interner_(other.interner_),
      namespaces_(other.namespaces_),
      budgets_(other.budgets_),
      layout_(other.layout_),
      layout_version_(other.layout_version_),
      next_version_(other.next_version_),
      changes_(other.changes_),
      change_base_(other.change_base_),
      cross_pod_(other.cross_pod_),
      spread_(other.spread_),
      caches_(std::make_unique<CacheTable>(*other.caches_)) {}

ClusterState ClusterState::fork() const {
  return ClusterState(*this);
}

Result<void> ClusterState::set_topology_levels(std::vector<TopologyLevel> levels) {
  TRY_VOID(validate_topology_levels(levels));
  if (levels == levels_) return {};
  levels_ = std::move(levels);
  layout_changed();
  return {};
}

std::optional<uint32_t> ClusterState::level_index(std::string_view name) const {
  for (size_t i = 0; i < levels_.size(); ++i) {
    if (levels_[i].name == name) return static_cast<uint32_t>(i);
  }
  return std::nullopt;
}

Result<ClassId> ClusterState::intern(const PodClass& pod_class) {
  std::string key = class_key(pod_class);
  if (auto it = interner_->class_ids.find(key); it != interner_->class_ids.end()) return it->second;
  TRY_VOID(engine::validate(pod_class));
  auto& interner = writable_interner();
  auto id = static_cast<ClassId>(interner.classes.size());
  interner.classes.push_back(std::make_shared<const CompiledClass>(compile(pod_class, interner)));
  interner.class_ids.emplace(std::move(key), id);
  return id;
}

const PodClass& ClusterState::pod_class(ClassId id) const {
  return interner_->classes[id]->spec;
}
const CompiledClass& ClusterState::compiled(ClassId id) const {
  return *interner_->classes[id];
}
size_t ClusterState::class_count() const {
  return interner_->classes.size();
}

Interner& ClusterState::writable_interner() {
  if (!sole_owner(interner_)) interner_ = std::make_shared<Interner>(*interner_);
  return *interner_;
}

std::string_view ClusterState::text(StringId id) const {
  return *interner_->texts[id];
}

StringId ClusterState::intern_text(std::string_view text) {
  if (auto it = interner_->text_ids.find(text); it != interner_->text_ids.end()) return it->second;
  return writable_interner().text_id(text);
}

uint32_t ClusterState::resource_id(std::string_view name) {
  if (auto it = interner_->resource_ids.find(name); it != interner_->resource_ids.end()) return it->second;
  return writable_interner().resource_id(name);
}

std::string_view ClusterState::resource_name(uint32_t resource) const {
  return interner_->resources[resource];
}

Result<NodeIndex> ClusterState::upsert_node(NodeSpec spec) {
  STOWAGE_CHECK(open_checkpoints_ == 0, "nodes change outside checkpoints only");
  TRY_VOID(validate_spec(spec));
  NodeIndex node = kNone;
  if (auto found = find_node(spec.name)) {
    node = *found;
    if (*nodes_[node].spec == spec) return node;
  } else if (!free_nodes_.empty()) {
    node = free_nodes_.back();
    free_nodes_.pop_back();
    ++node_count_;
  } else {
    node = static_cast<NodeIndex>(nodes_.size());
    nodes_.grow();
    versions_.push_back(0);
    ++node_count_;
  }
  node_index_.insert(spec.name, node);
  auto& row = nodes_.write(node);
  for (PodIndex pod : row.pods) {
    cross_pod().pod_changed(*this, node, pods_[pod].pod_class, pods_[pod].terminating, -1);
  }
  row.spec = std::make_shared<const NodeSpec>(std::move(spec));
  row.spec_version = ++next_version_;
  build_row(row);
  for (const PodIndex pod : std::exchange(row.pods, {})) {
    take(row, pods_.write(pod), true);
    row.pods.push_back(pod);
  }
  touch(node);
  layout_changed();
  cross_pod().node_changed(*this, node);
  for (PodIndex pod : row.pods) {
    cross_pod().pod_changed(*this, node, pods_[pod].pod_class, pods_[pod].terminating, +1);
  }
  return node;
}

bool ClusterState::remove_node(std::string_view name) {
  STOWAGE_CHECK(open_checkpoints_ == 0, "nodes change outside checkpoints only");
  auto found = find_node(name);
  if (!found) return false;
  NodeIndex node = *found;
  while (!nodes_[node].pods.empty())
    drop_pod(nodes_[node].pods.back(), false);
  node_index_.erase(name);
  auto& row = nodes_.write(node);
  row = NodeRow{};
  touch(node);
  row.spec_version = versions_[node];
  free_nodes_.push_back(node);
  --node_count_;
  layout_changed();
  cross_pod().node_changed(*this, node);
  return true;
}

std::optional<NodeIndex> ClusterState::find_node(std::string_view name) const {
  const auto* found = node_index_.find(name);
  return found ? std::optional(*found) : std::nullopt;
}

void ClusterState::set_reserved(NodeIndex node, bool reserved) {
  STOWAGE_CHECK(open_checkpoints_ == 0, "nodes are reserved outside checkpoints only");
  auto& row = nodes_.write(node);
  if (row.reserved == reserved) return;
  row.reserved = reserved;
  touch(node);
}

/// Everything free, as if no pod ran there.
void ClusterState::build_row(NodeRow& row) {
  const auto& spec = *row.spec;
  row.free_cpu_milli = spec.allocatable.cpu_milli;
  row.free_memory_bytes = spec.allocatable.memory_bytes;
  row.free_ephemeral_bytes = spec.allocatable.ephemeral_bytes;
  row.free_pods = spec.allocatable.pods;
  row.free_extended.clear();
  row.device_free.clear();
  row.pools.clear();
  row.contended = false;
  row.plain = spec.taints.empty() && !spec.unschedulable && spec.price_micro == 0;
  auto set_extended = [&](uint32_t resource, int64_t amount) {
    if (row.free_extended.size() <= resource) row.free_extended.resize(resource + 1);
    row.free_extended[resource] = amount;
  };
  for (const auto& [name, amount] : spec.allocatable.extended)
    set_extended(resource_id(name), amount);
  for (const auto& pool : spec.accelerators) {
    uint32_t resource = resource_id(pool.resource);
    auto it = spec.allocatable.extended.find(pool.resource);
    int64_t count =
        it == spec.allocatable.extended.end() ? pool.count : std::min<int64_t>(pool.count, it->second);
    row.pools.push_back({.resource = resource,
                         .product = intern_text(pool.product),
                         .memory_bytes = pool.memory_bytes,
                         .first = static_cast<uint8_t>(row.device_free.size()),
                         .count = static_cast<uint8_t>(count),
                         .shareable = pool.shareable});
    row.device_free.resize(row.device_free.size() + static_cast<size_t>(count), kWholeDevice);
    set_extended(resource, count);
  }
}

void ClusterState::set_namespace(std::string name, Labels labels) {
  if (auto it = namespaces_->find(name); it != namespaces_->end() && it->second == labels) return;
  if (!sole_owner(namespaces_))
    namespaces_ = std::make_shared<std::map<std::string, Labels, std::less<>>>(*namespaces_);
  namespaces_->insert_or_assign(std::move(name), std::move(labels));
  cross_pod().namespaces_changed(*this);
}

void ClusterState::remove_namespace(std::string_view name) {
  if (!namespaces_->contains(name)) return;
  if (!sole_owner(namespaces_))
    namespaces_ = std::make_shared<std::map<std::string, Labels, std::less<>>>(*namespaces_);
  namespaces_->erase(namespaces_->find(name));
  cross_pod().namespaces_changed(*this);
}

const Labels& ClusterState::namespace_labels(std::string_view name) const {
  auto it = namespaces_->find(name);
  return it == namespaces_->end() ? kNoLabels : it->second;
}

void ClusterState::set_budget(std::string name, int32_t disruptions_allowed) {
  budgets_.insert_or_assign(std::move(name), std::max(disruptions_allowed, 0));
}

void ClusterState::remove_budget(std::string_view name) {
  if (auto it = budgets_.find(name); it != budgets_.end()) budgets_.erase(it);
}

int32_t ClusterState::budget(std::string_view name) const {
  auto it = budgets_.find(name);
  return it == budgets_.end() ? 0 : it->second;
}

CrossPod& ClusterState::cross_pod() {
  if (!sole_owner(cross_pod_)) cross_pod_ = std::make_shared<CrossPod>(*cross_pod_);
  return *cross_pod_;
}

}  // namespace stowage::engine
