#include "gpu-scheduler/translate.h"

namespace stowage::scheduler {
namespace {

/// Operators that the API server does not know are refused there; In with no values matches nothing.
engine::SelectorOperator to_operator(std::string_view op) {
  if (op == "NotIn") return engine::SelectorOperator::kNotIn;
  if (op == "Exists") return engine::SelectorOperator::kExists;
  if (op == "DoesNotExist") return engine::SelectorOperator::kDoesNotExist;
  if (op == "Gt") return engine::SelectorOperator::kGt;
  if (op == "Lt") return engine::SelectorOperator::kLt;
  return engine::SelectorOperator::kIn;
}

std::optional<engine::TaintEffect> to_effect(std::string_view effect) {
  if (effect == "NoSchedule") return engine::TaintEffect::kNoSchedule;
  if (effect == "PreferNoSchedule") return engine::TaintEffect::kPreferNoSchedule;
  if (effect == "NoExecute") return engine::TaintEffect::kNoExecute;
  return std::nullopt;
}

std::vector<engine::SelectorRequirement> to_requirements(const std::vector<api::SelectorRequirement>& in) {
  std::vector<engine::SelectorRequirement> out;
  out.reserve(in.size());
  for (const auto& requirement : in)
    out.push_back({.key = requirement.key, .op = to_operator(requirement.op), .values = requirement.values});
  return out;
}

engine::NodeSelectorTerm to_term(const api::NodeSelectorTerm& term) {
  return {.match_expressions = to_requirements(term.match_expressions),
          .match_fields = to_requirements(term.match_fields)};
}

template <class From>
auto to_terms(const std::vector<From>& in) {
  std::vector<decltype(to_engine(in.front()))> out;
  out.reserve(in.size());
  for (const auto& item : in)
    out.push_back(to_engine(item));
  return out;
}

std::vector<engine::WeightedPodAffinityTerm> to_weighted(
    const std::vector<api::Weighted<api::PodAffinityTerm>>& in) {
  std::vector<engine::WeightedPodAffinityTerm> out;
  out.reserve(in.size());
  for (const auto& item : in)
    out.push_back({.weight = item.weight, .term = to_engine(item.term)});
  return out;
}

void add_host_ports(const std::vector<api::Container>& containers, bool sidecars_only,
                    std::vector<engine::HostPort>& out) {
  for (const auto& container : containers) {
    if (sidecars_only && !container.restart_always) continue;
    for (const auto& port : container.ports) {
      if (port.host_port > 0)
        out.push_back({.ip = port.host_ip, .protocol = port.protocol, .port = port.host_port});
    }
  }
}

}  // namespace

engine::NodeSelector to_engine(const api::NodeSelector& selector) {
  engine::NodeSelector out;
  out.terms.reserve(selector.terms.size());
  for (const auto& term : selector.terms)
    out.terms.push_back(to_term(term));
  return out;
}

engine::LabelSelector to_engine(const api::LabelSelector& selector) {
  return {.match_labels = selector.match_labels,
          .match_expressions = to_requirements(selector.match_expressions)};
}

engine::Toleration to_engine(const api::Toleration& toleration) {
  engine::Toleration out{
      .key = toleration.key, .value = toleration.value, .effect = to_effect(toleration.effect)};
  if (toleration.op == "Exists") out.op = engine::TolerationOperator::kExists;
  if (toleration.op == "Gt") out.op = engine::TolerationOperator::kGt;
  if (toleration.op == "Lt") out.op = engine::TolerationOperator::kLt;
  return out;
}

engine::PodAffinityTerm to_engine(const api::PodAffinityTerm& term) {
  engine::PodAffinityTerm out{.namespaces = term.namespaces,
                              .topology_key = term.topology_key,
                              .match_label_keys = term.match_label_keys,
                              .mismatch_label_keys = term.mismatch_label_keys};
  if (term.selector) out.label_selector = to_engine(*term.selector);
  if (term.namespace_selector) out.namespace_selector = to_engine(*term.namespace_selector);
  return out;
}

engine::TopologySpreadConstraint to_engine(const api::TopologySpreadConstraint& constraint) {
  engine::TopologySpreadConstraint out{.max_skew = constraint.max_skew,
                                       .topology_key = constraint.topology_key,
                                       .min_domains = constraint.min_domains,
                                       .match_label_keys = constraint.match_label_keys};
  if (constraint.when_unsatisfiable == "ScheduleAnyway")
    out.when_unsatisfiable = engine::WhenUnsatisfiable::kScheduleAnyway;
  if (constraint.selector) out.label_selector = to_engine(*constraint.selector);
  if (constraint.node_affinity_policy == "Ignore")
    out.node_affinity_policy = engine::NodeInclusionPolicy::kIgnore;
  if (constraint.node_taints_policy == "Honor") out.node_taints_policy = engine::NodeInclusionPolicy::kHonor;
  return out;
}

void translate_constraints(const api::PodSpec& spec, engine::PodClass& out) {
  out.node_selector = spec.node_selector;
  const api::Affinity& affinity = spec.affinity;
  if (affinity.node_required) out.required_node_affinity.push_back(to_engine(*affinity.node_required));
  for (const auto& preferred : affinity.node_preferred)
    out.preferred_node_affinity.push_back({.weight = preferred.weight, .term = to_term(preferred.term)});
  out.tolerations = to_terms(spec.tolerations);
  out.required_affinity = to_terms(affinity.pod_required);
  out.required_anti_affinity = to_terms(affinity.anti_required);
  out.preferred_affinity = to_weighted(affinity.pod_preferred);
  out.preferred_anti_affinity = to_weighted(affinity.anti_preferred);
  out.spread_constraints = to_terms(spec.spread);
  add_host_ports(spec.containers, false, out.host_ports);
  add_host_ports(spec.init_containers, true, out.host_ports);
}

}  // namespace stowage::scheduler
