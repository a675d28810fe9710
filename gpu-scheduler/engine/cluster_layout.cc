#include "gpu-scheduler/engine/cluster_layout.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "gpu-scheduler/engine/interner.h"

/// Order of nodes, domains, and the digest of a ClusterState.
namespace stowage::engine {
namespace {

const std::string* level_value(const NodeSpec& spec, const TopologyLevel& level) {
  for (const auto& label : level.labels) {
    if (auto it = spec.labels.find(label); it != spec.labels.end() && !it->second.empty()) return &it->second;
  }
  return nullptr;
}

/// FNV-1a over 64-bit words and text.
class Digest {
 public:
  void add(uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3ULL + (hash_ >> 29); }
  void add(std::string_view text) {
    add(text.size());
    for (char c : text)
      add(static_cast<unsigned char>(c));
  }
  void add_signed(int64_t value) { add(static_cast<uint64_t>(value)); }
  [[nodiscard]] uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace

void ClusterState::layout_changed() {
  layout_ = nullptr;
  ++layout_version_;
}

const ClusterState::Layout& ClusterState::layout() const {
  if (layout_) return *layout_;
  auto out = std::make_shared<Layout>();
  out->position.assign(nodes_.size(), kNone);
  for (NodeIndex node = 0; node < nodes_.size(); ++node) {
    if (nodes_[node].spec) out->order.push_back(node);
  }
  std::ranges::sort(out->order, [&](NodeIndex a, NodeIndex b) {
    const auto &x = *nodes_[a].spec, &y = *nodes_[b].spec;
    return std::tie(x.tie_rank, x.name) < std::tie(y.tie_rank, y.name);
  });
  for (size_t i = 0; i < out->order.size(); ++i)
    out->position[out->order[i]] = static_cast<uint32_t>(i);

  // Domains by (level, path); a path is the values from the top, so that equal names under different parents
  // differ.
  struct Found {
    std::string name;
    std::string parent_path;
    uint32_t parent_level = kNone;
    std::vector<NodeIndex> nodes;
  };
  std::map<std::pair<uint32_t, std::string>, Found> found;
  for (NodeIndex node : out->order) {
    std::string path;
    uint32_t above = kNone;
    for (uint32_t level = 0; level < levels_.size(); ++level) {
      const auto* value = level_value(*nodes_[node].spec, levels_[level]);
      if (!value) continue;
      std::string parent_path = path;
      path += '/';
      path += *value;
      auto& domain = found[{level, path}];
      if (domain.nodes.empty()) domain = {*value, std::move(parent_path), above, {}};
      domain.nodes.push_back(node);
      above = level;
    }
  }
  std::map<std::pair<uint32_t, std::string>, DomainId> ids;
  out->domain_of.assign(nodes_.size() * levels_.size(), kNone);
  for (auto& [key, domain] : found) {
    auto id = static_cast<DomainId>(out->domains.size());
    ids.emplace(key, id);
    for (NodeIndex node : domain.nodes)
      out->domain_of[node * levels_.size() + key.first] = id;
    DomainId parent =
        domain.parent_level == kNone ? kNone : ids.at({domain.parent_level, domain.parent_path});
    out->domains.push_back({key.first, std::move(domain.name), parent, std::move(domain.nodes)});
  }
  layout_ = std::move(out);
  return *layout_;
}

std::span<const Domain> ClusterState::domains() const {
  return layout().domains;
}

DomainId ClusterState::domain_of(NodeIndex node, uint32_t level) const {
  return layout().domain_of[node * levels_.size() + level];
}

std::span<const NodeIndex> ClusterState::nodes_in_order() const {
  return layout().order;
}

uint32_t ClusterState::order_of(NodeIndex node) const {
  return layout().position[node];
}

uint64_t ClusterState::digest() const {
  Digest out;
  for (NodeIndex node = 0; node < nodes_.size(); ++node) {
    const auto& row = nodes_[node];
    if (!row.spec) continue;
    out.add(row.spec->name);
    out.add(versions_[node]);
    out.add(uint64_t{row.reserved});
    out.add_signed(row.free_cpu_milli);
    out.add_signed(row.free_memory_bytes);
    out.add_signed(row.free_ephemeral_bytes);
    out.add_signed(row.free_pods);
    for (size_t i = 0; i < row.free_extended.size(); ++i) {
      if (row.free_extended[i] != 0) out.add(i), out.add_signed(row.free_extended[i]);
    }
    for (auto left : row.device_free)
      out.add_signed(left);
    for (PodIndex pod : row.pods)
      out.add(pod);
  }
  for (PodIndex index = 0; index < pods_.size(); ++index) {
    const auto& pod = pods_[index];
    if (pod.node == kNone) continue;
    out.add(index);
    out.add(pod.uid);
    out.add(pod.name);
    out.add(pod.group);
    out.add(pod.spread_key);
    out.add(pod.pod_class);
    out.add(pod.node);
    out.add(pod.devices);
    out.add_signed(pod.priority);
    out.add_signed(pod.protected_until);
    for (const auto& budget : pod.budgets)
      out.add(budget);
    out.add(uint64_t{pod.terminating} * 2 + uint64_t{pod.movable});
  }
  for (PodIndex pod : free_pods_)
    out.add(pod);
  return out.value();
}

}  // namespace stowage::engine
