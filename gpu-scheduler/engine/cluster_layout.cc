#include "gpu-scheduler/engine/cluster_layout.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

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

/// Domains by (level, path); a path is the values from the top, so that equal names under different parents
/// differ.
void ClusterState::find_domains(Layout& out) const {
  struct Place {
    std::string path;
    uint32_t above = kNone;  ///< The last level at which the node had a value.
  };
  std::vector<Place> places(out.order.size());
  out.domain_of.assign(nodes_.size() * levels_.size(), kNone);
  std::vector<std::pair<std::string_view, size_t>> members;  // Path, position in the order.
  for (uint32_t level = 0; level < levels_.size(); ++level) {
    members.clear();
    std::vector<std::string> paths(places.size());
    std::vector<const std::string*> names(places.size());
    for (size_t i = 0; i < places.size(); ++i) {
      names[i] = level_value(*nodes_[out.order[i]].spec, levels_[level]);
      if (names[i] == nullptr) continue;
      paths[i] = places[i].path + '/' + *names[i];
      members.emplace_back(paths[i], i);
    }
    if (!std::ranges::is_sorted(members)) std::ranges::sort(members);
    for (size_t at = 0; at < members.size(); ++at) {
      const auto& [path, i] = members[at];
      const NodeIndex node = out.order[i];
      if (at == 0 || members[at - 1].first != path) {
        const uint32_t above = places[i].above;
        const DomainId parent = above == kNone ? kNone : out.domain_of[node * levels_.size() + above];
        out.domains.push_back({level, *names[i], parent, {}});
      }
      out.domains.back().nodes.push_back(node);
      out.domain_of[node * levels_.size() + level] = static_cast<DomainId>(out.domains.size() - 1);
    }
    for (const auto& [path, i] : members)
      places[i].above = level;
    for (size_t i = 0; i < places.size(); ++i)
      if (names[i] != nullptr) places[i].path = std::move(paths[i]);
  }
}

const ClusterState::Layout& ClusterState::layout() const {
  if (layout_) return *layout_;
  auto out = std::make_shared<Layout>();
  out->position.assign(nodes_.size(), kNone);
  for (NodeIndex node = 0; node < nodes_.size(); ++node) {
    if (nodes_[node].spec) out->order.push_back(node);
  }
  const auto before = [&](NodeIndex a, NodeIndex b) {
    const auto &x = *nodes_[a].spec, &y = *nodes_[b].spec;
    return std::tie(x.tie_rank, x.name) < std::tie(y.tie_rank, y.name);
  };
  if (!std::ranges::is_sorted(out->order, before)) std::ranges::sort(out->order, before);
  for (size_t i = 0; i < out->order.size(); ++i)
    out->position[out->order[i]] = static_cast<uint32_t>(i);

  find_domains(*out);
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
