#include "test/bench/events/draw.h"

#include <array>

namespace stowage::engine::events {
namespace {

constexpr std::string_view kZone = "topology.kubernetes.io/zone";
constexpr std::string_view kRack = "stowage.dev/rack";
constexpr std::string_view kHost = "kubernetes.io/hostname";

}  // namespace

NodeSpec Draw::node(uint64_t number) {
  NodeSpec node{.name = "n" + std::to_string(number)};
  node.labels = {{std::string(kZone), "z" + std::to_string(below(2))},
                 {std::string(kHost), node.name},
                 {"disk", one_in(2) ? "ssd" : "hdd"}};
  if (!one_in(10)) node.labels[std::string(kRack)] = "r" + std::to_string(below(3));
  node.allocatable = {.cpu_milli = 4000 + static_cast<int64_t>(below(4)) * 4000,
                      .memory_bytes = int64_t{16} << 30,
                      .pods = 4 + static_cast<int64_t>(below(10))};
  if (const auto gpus = static_cast<int32_t>(below(5)) * 2; gpus > 0) {
    node.accelerators.push_back({.resource = "nvidia.com/gpu",
                                 .product = one_in(2) ? "H100" : "A100",
                                 .count = gpus,
                                 .memory_bytes = int64_t{one_in(2) ? 80 : 40} << 30,
                                 .shareable = one_in(2)});
    if (one_in(2)) {
      for (int32_t i = 0; i < gpus; ++i)
        node.accelerators.back().group.push_back(i / 2);
    }
  }
  node.tier = one_in(3) ? Tier::kSpot : Tier::kOnDemand;
  node.price_micro = static_cast<int64_t>(below(3)) * 1'000'000;
  return changed(std::move(node));
}

NodeSpec Draw::changed(NodeSpec node) {
  node.unschedulable = one_in(12);
  node.taints.clear();
  if (one_in(6)) {
    node.taints.push_back({.key = "team",
                           .value = one_in(2) ? "a" : "b",
                           .effect = one_in(2) ? TaintEffect::kNoSchedule : TaintEffect::kNoExecute});
  }
  return node;
}

Policy Draw::policy() {
  Policy out;
  out.strategy =
      std::array{Strategy::kPackability, Strategy::kFgd, Strategy::kBestFit, Strategy::kSpread}[below(4)];
  if (one_in(3)) out.cost = static_cast<int32_t>(below(200));
  if (one_in(4)) out.packing = static_cast<int32_t>(below(100));
  return out;
}

std::string Draw::key() {
  return std::string(std::array{kZone, kRack, kHost}[below(3)]);
}

PodAffinityTerm Draw::term() {
  PodAffinityTerm out{.topology_key = key()};
  out.label_selector = LabelSelector{.match_labels = {{"app", std::to_string(below(3))}}};
  if (one_in(4)) out.namespaces = {"a"};
  if (one_in(6)) out.namespace_selector = LabelSelector{};
  return out;
}

void Draw::add_rules(PodClass& pod) {
  switch (below(7)) {
    case 0:
      pod.required_anti_affinity.push_back(term());
      break;
    case 1:
      pod.required_affinity.push_back(term());
      break;
    case 2:
      pod.preferred_affinity.push_back({.weight = 50, .term = term()});
      break;
    case 3:
      pod.preferred_anti_affinity.push_back({.weight = 50, .term = term()});
      break;
    case 4:
      pod.required_anti_affinity.push_back(
          {.label_selector = LabelSelector{.match_labels = pod.labels}, .topology_key = key()});
      break;
    default: {
      TopologySpreadConstraint spread{.max_skew = 1 + static_cast<int32_t>(below(2)), .topology_key = key()};
      spread.label_selector = LabelSelector{.match_labels = {{"app", std::to_string(below(3))}}};
      if (one_in(3)) spread.when_unsatisfiable = WhenUnsatisfiable::kScheduleAnyway;
      if (one_in(4)) spread.min_domains = 1 + static_cast<int32_t>(below(3));
      if (one_in(3)) spread.node_affinity_policy = NodeInclusionPolicy::kIgnore;
      if (one_in(3)) spread.node_taints_policy = NodeInclusionPolicy::kHonor;
      pod.spread_constraints.push_back(std::move(spread));
    }
  }
}

PodClass Draw::pod() {
  PodClass pod;
  pod.name_space = one_in(3) ? "b" : "a";
  pod.labels = {{"app", std::to_string(below(3))}};
  pod.requests.cpu_milli = 100 + static_cast<int64_t>(below(5)) * 700;
  pod.requests.memory_bytes = static_cast<int64_t>(below(4)) << 30;
  if (const auto count = static_cast<int32_t>(below(6)); count > 0) {
    pod.device = {.resource = "nvidia.com/gpu", .count = count};
    if (one_in(4)) pod.device = {.resource = "nvidia.com/gpu", .count = 1, .milli = 100 * count};
    if (one_in(5)) pod.device.products = {one_in(2) ? "H100" : "A100"};
    if (one_in(8)) pod.device.memory_bytes = int64_t{80} << 30;
  }
  if (one_in(6)) pod.tolerations.push_back({.key = "team", .op = TolerationOperator::kExists});
  if (one_in(8)) pod.node_selector = {{"disk", "ssd"}};
  if (one_in(10)) pod.tiers = {one_in(2) ? Tier::kSpot : Tier::kOnDemand};
  if (one_in(12)) pod.residency.zones = {"z0"};
  if (one_in(6)) {
    pod.host_ports.push_back({.ip = one_in(3) ? "10.0.0.1" : "",
                              .protocol = one_in(3) ? "UDP" : "",
                              .port = 80 + static_cast<int32_t>(below(2))});
  }
  if (one_in(3)) add_rules(pod);
  return pod;
}

TopologyRequest Draw::topology() {
  if (!one_in(3)) return {};
  return {one_in(2) ? TopologyRequest::Mode::kRequired : TopologyRequest::Mode::kPreferred,
          std::array{"rack", "zone", "host"}[below(3)]};
}

Demand Draw::demand(ClusterState& state, std::string name) {
  Demand out{.name = std::move(name)};
  const uint64_t parts = one_in(5) ? 2 + below(2) : 1;
  for (uint64_t i = 0; i < parts; ++i) {
    const auto pod_class = state.intern(pod());
    if (!pod_class) continue;
    out.parts.push_back(
        {.pod_class = *pod_class, .count = one_in(2) ? 1 : 1 + static_cast<int32_t>(below(4))});
  }
  if (parts > 1 && one_in(2)) {
    out.subgroups = {{topology()}, {topology()}};
    for (size_t i = 0; i < out.parts.size(); ++i)
      out.parts[i].subgroup = static_cast<int32_t>(i % 2);
  }
  out.topology = topology();
  if (one_in(8)) {
    out.spread = {.level = one_in(2) ? "rack" : "zone"};
    out.spread_key = "k" + std::to_string(below(2));
  }
  out.priority = static_cast<int32_t>(below(6));
  out.movable = !one_in(12);
  if (one_in(4)) out.budgets = {"b" + std::to_string(below(2))};
  return out;
}

}  // namespace stowage::engine::events
