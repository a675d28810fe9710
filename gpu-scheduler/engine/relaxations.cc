#include "gpu-scheduler/engine/relaxations.h"

#include <fmt/format.h>

namespace stowage::engine {
namespace {

using Edit = void (*)(PodClass&);

/// The demand with every class changed by `edit`; nullopt when nothing changes or a class becomes invalid.
std::optional<Demand> edited(ClusterState& state, const Demand& demand, Edit edit) {
  Demand out = demand;
  bool changed = false;
  for (auto& part : out.parts) {
    PodClass pod = state.pod_class(part.pod_class);
    edit(pod);
    if (pod == state.pod_class(part.pod_class)) continue;
    auto id = state.intern(pod);
    if (!id) return std::nullopt;
    part.pod_class = *id;
    changed = true;
  }
  return changed ? std::optional(std::move(out)) : std::nullopt;
}

struct ClassRelaxation {
  const char* sentence;
  Edit edit;
};

constexpr ClassRelaxation kOfClasses[] = {
    {"any accelerator product were permitted", [](PodClass& pod) { pod.device.products.clear(); }},
    {"devices of any memory were permitted", [](PodClass& pod) { pod.device.memory_bytes = 0; }},
    {"every capacity tier were permitted", [](PodClass& pod) { pod.tiers.clear(); }},
    {"every region and zone were permitted", [](PodClass& pod) { pod.residency = {}; }},
    {"the node selector and node affinity were dropped",
     [](PodClass& pod) {
       pod.node_selector.clear();
       pod.required_node_affinity.clear();
     }},
    {"every taint were tolerated",
     [](PodClass& pod) { pod.tolerations = {{.key = "", .op = TolerationOperator::kExists}}; }},
    {"its rules about other pods were dropped",
     [](PodClass& pod) {
       pod.required_affinity.clear();
       pod.required_anti_affinity.clear();
       pod.spread_constraints.clear();
     }},
    {"it asked for no host ports", [](PodClass& pod) { pod.host_ports.clear(); }},
    {"it mounted no disks by name", [](PodClass& pod) { pod.disks.clear(); }},
    {"it asked for no CPU", [](PodClass& pod) { pod.requests.cpu_milli = 0; }},
    {"it asked for no memory", [](PodClass& pod) { pod.requests.memory_bytes = 0; }},
};

std::optional<Demand> prefer_topology(ClusterState&, const Demand& demand) {
  if (demand.topology.mode != TopologyRequest::Mode::kRequired) return std::nullopt;
  Demand out = demand;
  out.topology.mode = TopologyRequest::Mode::kPreferred;
  return out;
}

}  // namespace

std::vector<Relaxation> relaxations_of(const Demand& demand) {
  std::vector<Relaxation> out;
  out.push_back({fmt::format("topology level {} were preferred instead of required", demand.topology.level),
                 prefer_topology});
  for (const auto& [sentence, edit] : kOfClasses) {
    out.push_back({sentence, [edit](ClusterState& state, const Demand& wanted) {
                     return edited(state, wanted, edit);
                   }});
  }
  return out;
}

std::optional<Demand> relax(ClusterState& state, const Demand& demand, const std::vector<Relaxation>& all) {
  std::optional<Demand> out = demand;
  for (const auto& one : all) {
    out = one.apply(state, *out);
    if (!out) return std::nullopt;
  }
  return out;
}

std::string sentence_of(const std::vector<Relaxation>& all) {
  std::string out;
  for (const auto& one : all)
    out += (out.empty() ? "" : ", and ") + one.sentence;
  return out;
}

}  // namespace stowage::engine
