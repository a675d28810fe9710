#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gpu-scheduler/engine/types.h"

/// Scheduling constraints with the fields and the meaning of Kubernetes' core/v1. An empty string is the
/// API's absent or empty value; where absent and empty differ, the field is an optional.
namespace stowage::engine {

enum class TaintEffect : uint8_t { kNoSchedule, kPreferNoSchedule, kNoExecute };

struct Taint {
  std::string key;
  std::string value;
  TaintEffect effect = TaintEffect::kNoSchedule;
  bool operator==(const Taint&) const = default;
};

/// Operators of tolerations: Exists, Equal (the API's empty operator is Equal), and the numeric ones of newer
/// clusters.
enum class TolerationOperator : uint8_t { kEqual, kExists, kLt, kGt };

struct Toleration {
  std::string key;  ///< Empty with kExists: every taint.
  TolerationOperator op = TolerationOperator::kEqual;
  std::string value;
  std::optional<TaintEffect> effect;  ///< Absent: every effect.
  bool operator==(const Toleration&) const = default;
};

enum class SelectorOperator : uint8_t { kIn, kNotIn, kExists, kDoesNotExist, kGt, kLt };

/// One requirement on labels (or, in match_fields, on `metadata.name`).
struct SelectorRequirement {
  std::string key;
  SelectorOperator op = SelectorOperator::kIn;
  std::vector<std::string> values;
  bool operator==(const SelectorRequirement&) const = default;
};

/// Requirements are ANDed. A term with neither expressions nor fields matches no node.
struct NodeSelectorTerm {
  std::vector<SelectorRequirement> match_expressions;
  std::vector<SelectorRequirement> match_fields;
  bool operator==(const NodeSelectorTerm&) const = default;
};

/// Terms are ORed; no terms match no node.
struct NodeSelector {
  std::vector<NodeSelectorTerm> terms;
  bool operator==(const NodeSelector&) const = default;
};

struct PreferredNodeTerm {
  int32_t weight = 1;  ///< 1..100
  NodeSelectorTerm term;
  bool operator==(const PreferredNodeTerm&) const = default;
};

/// metav1.LabelSelector: everything is ANDed. Present but empty matches everything; where a selector is
/// absent (std::optional without value) it matches nothing.
struct LabelSelector {
  Labels match_labels;
  std::vector<SelectorRequirement> match_expressions;  ///< kIn, kNotIn, kExists, kDoesNotExist only.
  bool operator==(const LabelSelector&) const = default;
};

/// One inter-pod (anti-)affinity term.
struct PodAffinityTerm {
  std::optional<LabelSelector> label_selector;
  std::vector<std::string> namespaces;
  /// Absent: only `namespaces` (both empty: the pod's own namespace). Present and empty: every namespace.
  std::optional<LabelSelector> namespace_selector;
  std::string topology_key;
  std::vector<std::string> match_label_keys;
  std::vector<std::string> mismatch_label_keys;
  bool operator==(const PodAffinityTerm&) const = default;
};

struct WeightedPodAffinityTerm {
  int32_t weight = 1;  ///< 1..100
  PodAffinityTerm term;
  bool operator==(const WeightedPodAffinityTerm&) const = default;
};

enum class WhenUnsatisfiable : uint8_t { kDoNotSchedule, kScheduleAnyway };
enum class NodeInclusionPolicy : uint8_t { kHonor, kIgnore };

struct TopologySpreadConstraint {
  int32_t max_skew = 1;
  std::string topology_key;
  WhenUnsatisfiable when_unsatisfiable = WhenUnsatisfiable::kDoNotSchedule;
  std::optional<LabelSelector> label_selector;
  std::optional<int32_t> min_domains;
  NodeInclusionPolicy node_affinity_policy = NodeInclusionPolicy::kHonor;
  NodeInclusionPolicy node_taints_policy = NodeInclusionPolicy::kIgnore;
  std::vector<std::string> match_label_keys;
  bool operator==(const TopologySpreadConstraint&) const = default;
};

struct HostPort {
  std::string ip;        ///< Empty and "0.0.0.0" are every address.
  std::string protocol;  ///< Empty is TCP.
  int32_t port = 0;
  bool operator==(const HostPort&) const = default;
};

/// A disk that is mounted by name. Two pods on one node may not both mount it, but where both only read it.
struct PodDisk {
  enum class Kind : uint8_t { kGcePersistentDisk, kAwsElasticBlockStore, kIscsi, kRbd };
  Kind kind = Kind::kGcePersistentDisk;
  std::string id;
  std::string pool = {};                   ///< Of RBD images.
  std::vector<std::string> monitors = {};  ///< Of RBD images: the same cluster where one is in common.
  bool read_only = false;                  ///< Does not help with AWS volumes.
  bool operator==(const PodDisk&) const = default;
};

}  // namespace stowage::engine
