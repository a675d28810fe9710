#include "test/bench/events/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace stowage::engine::events {
namespace {

bool ports_meet(const HostPort& a, const HostPort& b) {
  const auto protocol = [](const HostPort& port) { return port.protocol.empty() ? "TCP" : port.protocol; };
  const auto any = [](const HostPort& port) { return port.ip.empty() || port.ip == "0.0.0.0"; };
  return a.port == b.port && protocol(a) == protocol(b) && (any(a) || any(b) || a.ip == b.ip);
}

std::string ports_kept(const ClusterState& state, const NodeRow& row) {
  std::vector<HostPort> seen;
  for (const PodIndex index : row.pods) {
    const auto& ports = state.pod_class(state.pod(index).pod_class).host_ports;
    for (const auto& port : ports) {
      if (std::ranges::any_of(seen, [&](const HostPort& other) { return ports_meet(port, other); }))
        return "two pods of a node have one host port";
    }
    seen.insert(seen.end(), ports.begin(), ports.end());
  }
  return "";
}

std::string room_kept(const ClusterState& state, const NodeRow& row) {
  Resources free = row.spec->allocatable;
  int64_t devices = static_cast<int64_t>(row.device_free.size()) * kWholeDevice;
  for (const PodIndex index : row.pods) {
    const auto& spec = state.pod_class(state.pod(index).pod_class);
    free.cpu_milli -= spec.requests.cpu_milli;
    free.memory_bytes -= spec.requests.memory_bytes;
    free.pods -= spec.requests.pods;
    devices -= int64_t{spec.device.count} * spec.device.milli;
  }
  if (free.cpu_milli != row.free_cpu_milli || free.memory_bytes != row.free_memory_bytes ||
      free.pods != row.free_pods)
    return "a node is miscounted";
  if (free.cpu_milli < 0 || free.memory_bytes < 0 || free.pods < 0) return "a node is oversubscribed";
  for (const auto left : row.device_free) {
    if (left < 0 || left > kWholeDevice) return "a device is oversubscribed";
    devices -= left;
  }
  return devices == 0 ? "" : "devices are miscounted";
}

/// Only what draw.cc draws: selectors of labels, no expressions.
bool forbids(const PodClass& owner, const PodAffinityTerm& term, const PodClass& other) {
  const bool in_scope = term.namespace_selector ||
                        (term.namespaces.empty()
                             ? owner.name_space == other.name_space
                             : std::ranges::find(term.namespaces, other.name_space) != term.namespaces.end());
  return in_scope && std::ranges::all_of(term.label_selector->match_labels, [&](const auto& label) {
           const auto found = other.labels.find(label.first);
           return found != other.labels.end() && found->second == label.second;
         });
}

const std::string* label_of(const ClusterState& state, PodIndex pod, const std::string& key) {
  const auto& labels = state.node(state.pod(pod).node).spec->labels;
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

bool in_one_domain(const ClusterState& state, const TopologyRequest& topology,
                   const std::vector<NodeIndex>& nodes) {
  if (topology.mode != TopologyRequest::Mode::kRequired) return true;
  std::set<DomainId> domains;
  for (const NodeIndex node : nodes)
    domains.insert(state.domain_of(node, *state.level_index(topology.level)));
  return domains.size() <= 1 && !domains.contains(kNone);
}

}  // namespace

std::string capacity_kept(const ClusterState& state) {
  for (const NodeIndex node : state.nodes_in_order()) {
    const auto& row = state.node(node);
    if (std::string wrong = room_kept(state, row); !wrong.empty()) return wrong;
    if (std::string wrong = ports_kept(state, row); !wrong.empty()) return wrong;
  }
  return "";
}

std::string gangs_whole(const ClusterState& state, const std::map<std::string, int64_t>& sizes) {
  std::map<std::string, int64_t> counted;
  for (PodIndex pod = 0; pod < state.pod_limit(); ++pod) {
    if (state.has_pod(pod)) ++counted[state.pod(pod).group];
  }
  return counted == sizes ? "" : "a gang is partial";
}

std::string anti_affinity_kept(const ClusterState& state) {
  for (PodIndex pod = 0; pod < state.pod_limit(); ++pod) {
    if (!state.has_pod(pod)) continue;
    const auto& owner = state.pod_class(state.pod(pod).pod_class);
    for (const auto& term : owner.required_anti_affinity) {
      const auto* mine = label_of(state, pod, term.topology_key);
      for (PodIndex other = 0; mine != nullptr && other < state.pod_limit(); ++other) {
        if (other == pod || !state.has_pod(other)) continue;
        const auto* theirs = label_of(state, other, term.topology_key);
        if (theirs != nullptr && *theirs == *mine &&
            forbids(owner, term, state.pod_class(state.pod(other).pod_class)))
          return "a pod runs where anti-affinity forbids it";
      }
    }
  }
  return "";
}

std::string shape_kept(const ClusterState& state, const Demand& demand, const Decision& decision) {
  if (decision.bindings.size() != static_cast<size_t>(demand.pod_count())) return "a partial gang";
  std::vector<NodeIndex> all;
  std::vector<std::vector<NodeIndex>> groups(demand.subgroups.size());
  for (const auto& binding : decision.bindings) {
    all.push_back(binding.node);
    if (!groups.empty())
      groups[static_cast<size_t>(demand.parts[binding.part].subgroup)].push_back(binding.node);
  }
  bool kept = in_one_domain(state, demand.topology, all);
  for (size_t i = 0; i < groups.size(); ++i)
    kept = kept && in_one_domain(state, demand.subgroups[i].topology, groups[i]);
  return kept ? "" : "a gang is not in one domain";
}

ClusterState built_anew(const ClusterState& state) {
  ClusterState out(state.topology_levels());
  const auto order = state.nodes_in_order();
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    if (!out.upsert_node(*state.node(*it).spec)) return out;
  }
  for (PodIndex index = 0; index < state.pod_limit(); ++index) {
    if (!state.has_pod(index)) continue;
    RunningPod pod = state.pod(index);
    pod.node = *out.find_node(state.node_name(pod.node));
    pod.pod_class = *out.intern(state.pod_class(pod.pod_class));
    if (!out.add_pod(std::move(pod))) return out;
  }
  return out;
}

Demand carried_over(const ClusterState& from, const Demand& demand, ClusterState& to) {
  Demand out = demand;
  for (auto& part : out.parts)
    part.pod_class = *to.intern(from.pod_class(part.pod_class));
  return out;
}

std::string placement_of(const ClusterState& state, const Decision& decision) {
  std::string out;
  for (const auto& binding : decision.bindings)
    out += fmt::format("{}.{} {} {:x}; ", binding.part, binding.member, state.node_name(binding.node),
                       binding.devices);
  return out;
}

}  // namespace stowage::engine::events
