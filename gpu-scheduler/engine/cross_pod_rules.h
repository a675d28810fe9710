#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/constraints.h"
#include "gpu-scheduler/engine/pod_class.h"

namespace stowage::engine {

class ClusterState;

/// A label selector with the namespaces it looks into: one side of an affinity term.
struct ScopedSelector {
  std::optional<LabelSelector> selector;  ///< Absent: matches no pod.
  std::vector<std::string> namespaces;    ///< Sorted; the pod's own when the term names none.
  std::optional<LabelSelector> namespace_selector;
};

/// The scope of a term of `owner`, with matchLabelKeys and mismatchLabelKeys merged into the selector as the
/// API server does when a pod is created.
ScopedSelector scope_of(const PodAffinityTerm& term, const PodClass& owner);

/// Equal scopes give equal keys.
std::string scope_key(const ScopedSelector& scope);

/// A term of the pod to place, asked about a running pod. kube-scheduler resolves the namespace selector to
/// the namespaces that exist; only an empty selector also covers those that have no object.
bool sees_running(const ClusterState& state, const ScopedSelector& scope, const PodClass& running);

/// A term of a running pod, asked about the pod to place: here the selector is matched with the labels of
/// that pod's namespace, and a namespace without an object has none.
bool sees_incoming(const ClusterState& state, const ScopedSelector& scope, const PodClass& incoming);

/// One spread constraint of a class, compiled.
struct SpreadRule {
  std::optional<LabelSelector> selector;  ///< With matchLabelKeys merged in.
  uint32_t column = 0;
  int32_t max_skew = 1;
  int32_t min_domains = 1;
  bool self = false;  ///< The pod itself is one that is counted.
  bool honor_affinity = true;
  bool honor_taints = false;
};

/// `column` is left 0.
SpreadRule spread_rule(const TopologySpreadConstraint& constraint, const PodClass& owner);

/// Whether a running pod is counted by the rule of a class in namespace `name_space`. An empty selector
/// counts nobody (kube-scheduler's countPodsMatchSelector).
bool counts(const SpreadRule& rule, const std::string& name_space, const PodClass& running);

}  // namespace stowage::engine
