#include <algorithm>

#include "gpu-scheduler/translate.h"
#include "gpu-scheduler/translate_label_syntax.h"

namespace stowage::scheduler {
namespace {

/// The API's limit; weights of 0 weigh nothing.
constexpr int32_t kMaxWeight = 100;

/// Of a requirement that is_valid().
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

/// A requirement that matches nothing, and with it its term: kube-scheduler skips terms that it cannot parse.
engine::SelectorRequirement never() {
  return {.op = engine::SelectorOperator::kIn};
}

engine::NodeSelectorTerm to_term(const api::NodeSelectorTerm& term) {
  engine::NodeSelectorTerm out{.match_expressions = to_requirements(term.match_expressions),
                               .match_fields = to_requirements(term.match_fields)};
  const auto valid_field = [](const api::SelectorRequirement& field) {
    return (field.op == "In" || field.op == "NotIn") && field.values.size() == 1;
  };
  const auto valid_label = [](const api::SelectorRequirement& label) { return is_valid(label, true); };
  if (!std::ranges::all_of(term.match_expressions, valid_label) ||
      !std::ranges::all_of(term.match_fields, valid_field)) {
    out.match_expressions.push_back(never());
  }
  return out;
}

bool is_valid_term(const api::PodAffinityTerm& term) {
  return (!term.selector || is_valid(*term.selector)) &&
         (!term.namespace_selector || is_valid(*term.namespace_selector));
}

template <class List, class Term>
bool all_valid(const List& list, Term&& term_of) {
  return std::ranges::all_of(list, [&](const auto& item) { return is_valid_term(term_of(item)); });
}

constexpr auto kTerm = [](const api::PodAffinityTerm& term) -> const api::PodAffinityTerm& { return term; };
constexpr auto kWeightedTerm =
    [](const api::Weighted<api::PodAffinityTerm>& weighted) -> const api::PodAffinityTerm& {
  return weighted.term;
};

/// False when kube-scheduler refuses to schedule the pod because a selector of its rules about other pods is
/// no selector.
bool selectors_are_valid(const api::PodSpec& spec) {
  const api::Affinity& affinity = spec.affinity;
  return all_valid(affinity.pod_required, kTerm) && all_valid(affinity.anti_required, kTerm) &&
         all_valid(affinity.pod_preferred, kWeightedTerm) &&
         all_valid(affinity.anti_preferred, kWeightedTerm) &&
         std::ranges::all_of(spec.spread, [](const api::TopologySpreadConstraint& constraint) {
           return constraint.when_unsatisfiable != "DoNotSchedule" || !constraint.selector ||
                  is_valid(*constraint.selector);
         });
}

/// Gt and Lt are behind a gate that is off by default in 1.37; unknown operators and effects cover nothing.
bool covers_something(const api::Toleration& toleration) {
  const bool known_operator = toleration.op.empty() || toleration.op == "Equal" || toleration.op == "Exists";
  return known_operator && (toleration.effect.empty() || to_effect(toleration.effect));
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
  for (const auto& item : in) {
    if (item.weight > 0)
      out.push_back({.weight = std::min(item.weight, kMaxWeight), .term = to_engine(item.term)});
  }
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
  // The API server merged matchLabelKeys and mismatchLabelKeys into the selector when the pod was created,
  // and kube-scheduler reads the selector alone.
  engine::PodAffinityTerm out{.namespaces = term.namespaces, .topology_key = term.topology_key};
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
  if (!constraint.node_affinity_policy.empty() && constraint.node_affinity_policy != "Honor")
    out.node_affinity_policy = engine::NodeInclusionPolicy::kIgnore;
  if (constraint.node_taints_policy == "Honor") out.node_taints_policy = engine::NodeInclusionPolicy::kHonor;
  return out;
}

void translate_constraints(const api::PodSpec& spec, engine::PodClass& out) {
  out.node_selector = spec.node_selector;
  const api::Affinity& affinity = spec.affinity;
  if (affinity.node_required) out.required_node_affinity.push_back(to_engine(*affinity.node_required));
  for (const auto& preferred : affinity.node_preferred) {
    if (preferred.weight > 0)
      out.preferred_node_affinity.push_back(
          {.weight = std::min(preferred.weight, kMaxWeight), .term = to_term(preferred.term)});
  }
  for (const auto& toleration : spec.tolerations) {
    if (covers_something(toleration)) out.tolerations.push_back(to_engine(toleration));
  }
  // Of a list with a term that cannot be parsed, none counts.
  if (all_valid(affinity.pod_required, kTerm)) out.required_affinity = to_terms(affinity.pod_required);
  if (all_valid(affinity.anti_required, kTerm)) out.required_anti_affinity = to_terms(affinity.anti_required);
  if (all_valid(affinity.pod_preferred, kWeightedTerm))
    out.preferred_affinity = to_weighted(affinity.pod_preferred);
  if (all_valid(affinity.anti_preferred, kWeightedTerm))
    out.preferred_anti_affinity = to_weighted(affinity.anti_preferred);
  for (const auto& constraint : spec.spread) {
    const bool known =
        constraint.when_unsatisfiable == "DoNotSchedule" || constraint.when_unsatisfiable == "ScheduleAnyway";
    if (known && (!constraint.selector || is_valid(*constraint.selector)))
      out.spread_constraints.push_back(to_engine(constraint));
  }
  // A node selector without terms matches no node.
  if (spec.node_name.empty() && !selectors_are_valid(spec)) out.required_node_affinity.emplace_back();
  add_host_ports(spec.containers, false, out.host_ports);
  add_host_ports(spec.init_containers, true, out.host_ports);
}

}  // namespace stowage::scheduler
