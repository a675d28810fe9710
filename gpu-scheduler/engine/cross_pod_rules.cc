#include "gpu-scheduler/engine/cross_pod_rules.h"

#include <algorithm>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/selectors.h"

namespace stowage::engine {
namespace {

void merge_keys(LabelSelector& selector, const std::vector<std::string>& keys, const Labels& labels,
                SelectorOperator op) {
  for (const std::string& key : keys) {
    const auto label = labels.find(key);
    if (label == labels.end()) continue;
    selector.match_expressions.push_back({.key = key, .op = op, .values = {label->second}});
  }
}

bool named(const ScopedSelector& scope, const std::string& name) {
  return std::ranges::binary_search(scope.namespaces, name);
}

bool selects(const ScopedSelector& scope, const PodClass& pod) {
  return scope.selector && matches(*scope.selector, pod.labels);
}

bool is_empty(const LabelSelector& selector) {
  return selector.match_labels.empty() && selector.match_expressions.empty();
}

void append(std::string& key, std::string_view text) {
  key += std::to_string(text.size());
  key += ':';
  key += text;
}

void append(std::string& key, const std::optional<LabelSelector>& selector) {
  if (!selector) {
    key += '-';
    return;
  }
  key += '{';
  for (const auto& [name, value] : selector->match_labels) {
    append(key, name);
    append(key, value);
  }
  key += '|';
  for (const auto& requirement : selector->match_expressions) {
    append(key, requirement.key);
    key += static_cast<char>('a' + static_cast<int>(requirement.op));
    for (const auto& value : requirement.values)
      append(key, value);
    key += ';';
  }
  key += '}';
}

}  // namespace

ScopedSelector scope_of(const PodAffinityTerm& term, const PodClass& owner) {
  ScopedSelector scope{.selector = term.label_selector,
                       .namespaces = term.namespaces,
                       .namespace_selector = term.namespace_selector};
  if (scope.namespaces.empty() && !scope.namespace_selector) scope.namespaces.push_back(owner.name_space);
  std::ranges::sort(scope.namespaces);
  if (scope.selector) {
    merge_keys(*scope.selector, term.match_label_keys, owner.labels, SelectorOperator::kIn);
    merge_keys(*scope.selector, term.mismatch_label_keys, owner.labels, SelectorOperator::kNotIn);
  }
  return scope;
}

std::string scope_key(const ScopedSelector& scope) {
  std::string key;
  append(key, scope.selector);
  for (const auto& name : scope.namespaces)
    append(key, name);
  append(key, scope.namespace_selector);
  return key;
}

bool sees_running(const ClusterState& state, const ScopedSelector& scope, const PodClass& running) {
  if (!selects(scope, running)) return false;
  if (named(scope, running.name_space)) return true;
  if (!scope.namespace_selector) return false;
  if (is_empty(*scope.namespace_selector)) return true;
  return state.has_namespace(running.name_space) &&
         matches(*scope.namespace_selector, state.namespace_labels(running.name_space));
}

bool sees_incoming(const ClusterState& state, const ScopedSelector& scope, const PodClass& incoming) {
  if (!selects(scope, incoming)) return false;
  if (named(scope, incoming.name_space)) return true;
  return scope.namespace_selector &&
         matches(*scope.namespace_selector, state.namespace_labels(incoming.name_space));
}

SpreadRule spread_rule(const TopologySpreadConstraint& constraint, const PodClass& owner) {
  SpreadRule rule{.selector = constraint.label_selector,
                  .max_skew = constraint.max_skew,
                  .min_domains = constraint.min_domains.value_or(1),
                  .honor_affinity = constraint.node_affinity_policy == NodeInclusionPolicy::kHonor,
                  .honor_taints = constraint.node_taints_policy == NodeInclusionPolicy::kHonor};
  if (rule.selector) {
    merge_keys(*rule.selector, constraint.match_label_keys, owner.labels, SelectorOperator::kIn);
    rule.self = matches(*rule.selector, owner.labels);
  }
  return rule;
}

bool counts(const SpreadRule& rule, const std::string& name_space, const PodClass& running) {
  return rule.selector && !is_empty(*rule.selector) && running.name_space == name_space &&
         matches(*rule.selector, running.labels);
}

}  // namespace stowage::engine
