#include "gpu-scheduler/engine/gang_symmetry.h"

#include <algorithm>
#include <set>

#include "gpu-scheduler/engine/class_cache.h"
#include "gpu-scheduler/engine/cross_pod_rules.h"

namespace stowage::engine {
namespace {

/// Text that tells sequences of numbers apart.
class Key {
 public:
  void add(int64_t value) {
    text_ += std::to_string(value);
    text_ += ' ';
  }
  void add(std::string_view value) {
    add(static_cast<int64_t>(value.size()));
    text_ += value;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_keys(const PodClass& pod, std::set<std::string>& keys) {
  for (const auto* terms : {&pod.required_affinity, &pod.required_anti_affinity}) {
    for (const auto& term : *terms)
      keys.insert(term.topology_key);
  }
  for (const auto& rule : pod.spread_constraints)
    keys.insert(rule.topology_key);
}

void add_room(const NodeRow& row, Key& key) {
  for (const int64_t amount :
       {row.free_cpu_milli, row.free_memory_bytes, row.free_ephemeral_bytes, row.free_pods})
    key.add(amount);
  for (const int64_t amount : row.free_extended)
    key.add(amount);
  key.add(static_cast<int64_t>(row.contended));
  for (const auto& pool : row.pools) {
    key.add(pool.resource);
    key.add(pool.product);
    std::vector<int16_t> free(row.device_free.begin() + pool.first,
                              row.device_free.begin() + pool.first + pool.count);
    std::ranges::sort(free);
    for (const int16_t milli : free)
      key.add(milli);
  }
}

}  // namespace

GangSymmetry::GangSymmetry(ClusterState& state, std::vector<ClassId> classes,
                           std::span<const std::vector<Area>> areas_of_groups)
    : state_(state), classes_(std::move(classes)) {
  find_rules(state);
  std::vector<std::string> keys(state.node_limit());
  auto append = [&](NodeIndex node, int64_t number) {
    keys[node] += std::to_string(number);
    keys[node] += ',';
  };
  int64_t number = 0;
  for (const auto& areas : areas_of_groups) {
    for (const auto& area : areas) {
      ++number;
      if (area.everywhere()) continue;
      for (const NodeIndex node : area.nodes(state))
        append(node, number);
    }
  }
  kind_of_.assign(state.node_limit(), kNone);
  std::map<std::string, uint32_t> ids;
  for (const NodeIndex node : state.nodes_in_order()) {
    const auto& row = state.node(node);
    std::vector<bool> may;
    may.reserve(classes_.size());
    for (const ClassId id : classes_)
      may.push_back(!row.reserved && !check_fixed(state, *row.spec, row, state.compiled(id)));
    if (std::ranges::none_of(may, std::identity{})) continue;
    auto [at, fresh] = ids.emplace(keys[node] + describe(state, node), static_cast<uint32_t>(kinds_.size()));
    if (fresh) kinds_.push_back({.nodes = {}, .may = std::move(may)});
    kinds_[at->second].nodes.push_back(node);
    kind_of_[node] = at->second;
  }
  for (const auto& areas : areas_of_groups) {
    auto& out = in_area_.emplace_back();
    for (const auto& area : areas) {
      auto& inside = out.emplace_back();
      for (uint32_t kind = 0; kind < kinds_.size(); ++kind) {
        if (area.has(state, kinds_[kind].nodes.front())) inside.push_back(kind);
      }
    }
  }
}

/// The labels that hard rules name: of every class, for pods of any of them may run.
void GangSymmetry::find_rules(ClusterState& state) {
  apart_by_.resize(classes_.size());
  for (size_t i = 0; i < classes_.size(); ++i) {
    const auto& pod = state.pod_class(classes_[i]);
    crossed_.push_back(state.cross_pod().concerns(state, classes_[i]));
    looks_at_pods_ = looks_at_pods_ || crossed_.back() || !pod.host_ports.empty() || !pod.disks.empty();
    for (const auto& term : pod.required_anti_affinity) {
      if (!apart_by_[i] && sees_running(state, scope_of(term, pod), pod)) apart_by_[i] = term.topology_key;
    }
  }
  const bool any = std::ranges::any_of(classes_, [&](ClassId id) {
    return crossed_[index_of(id)] || state.pod_class(id).looks_at_other_pods();
  });
  if (!any) return;
  std::set<std::string> keys;
  for (ClassId id = 0; id < state.class_count(); ++id)
    add_keys(state.pod_class(id), keys);
  for (const auto& key : keys) {
    auto& values = values_[key];
    for (const NodeIndex node : state.nodes_in_order()) {
      const auto& labels = state.node(node).spec->labels;
      if (auto it = labels.find(key); it != labels.end()) ++values[it->second];
    }
  }
}

std::string GangSymmetry::describe(ClusterState& state, NodeIndex node) const {
  const auto& row = state.node(node);
  Key key;
  // The reason too: rules of spread count nodes by what keeps a pod away.
  for (const ClassId id : classes_)
    key.add(static_cast<int64_t>(check_fixed(state, *row.spec, row, state.compiled(id)).reason));
  add_room(row, key);
  if (looks_at_pods_) {
    std::vector<std::pair<ClassId, bool>> pods;
    pods.reserve(row.pods.size());
    for (const PodIndex pod : row.pods)
      pods.emplace_back(state.pod(pod).pod_class, state.pod(pod).terminating);
    std::ranges::sort(pods);
    for (const auto& [pod, terminating] : pods) {
      key.add(pod);
      key.add(static_cast<int64_t>(terminating));
    }
  }
  for (const auto& [label, values] : values_) {
    bool alone = false;
    const std::string* value = value_of(node, label, alone);
    key.add(value == nullptr ? -1 : static_cast<int64_t>(alone));
    if (value != nullptr && !alone) key.add(std::string_view(*value));
  }
  return key.take();
}

bool GangSymmetry::in(uint32_t kind, uint32_t group, uint32_t area) const {
  return std::ranges::binary_search(in_area_[group][area], kind);
}

uint32_t GangSymmetry::index_of(ClassId pod_class) const {
  return static_cast<uint32_t>(std::ranges::find(classes_, pod_class) - classes_.begin());
}

const std::string* GangSymmetry::value_of(NodeIndex node, const std::string& key, bool& alone) const {
  const auto& labels = state_.node(node).spec->labels;
  const auto it = labels.find(key);
  const auto values = values_.find(key);
  if (it == labels.end() || values == values_.end()) return nullptr;
  alone = values->second.at(it->second) == 1;
  return &it->second;
}

}  // namespace stowage::engine
