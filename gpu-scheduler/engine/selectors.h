#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gpu-scheduler/engine/constraints.h"
#include "gpu-scheduler/engine/node_spec.h"

/// Matching of labels, node selectors and tolerations, with the meaning of Kubernetes' apimachinery
/// (labels.Selector) and component-helpers (nodeaffinity, ToleratesTaint).
namespace stowage::engine {

/// A base-10 integer as Go's strconv.ParseInt reads it: an optional sign and digits, within int64. Anything
/// else (empty, blanks, fractions, overflow) is no number.
std::optional<int64_t> parse_label_integer(std::string_view text);

/// False for what the API refuses: In or NotIn without values, Exists or DoesNotExist with values, Gt or Lt
/// without exactly one integer.
bool well_formed(const SelectorRequirement& requirement);

/// A requirement on labels. NotIn and DoesNotExist match where the key is absent; Gt and Lt only match
/// integers. Not defined for requirements that are not well formed.
bool matches(const SelectorRequirement& requirement, const Labels& labels);

/// Every label and every expression. An empty selector matches everything.
bool matches(const LabelSelector& selector, const Labels& labels);

/// Every pair of a plain nodeSelector.
bool matches_all(const Labels& wanted, const Labels& labels);

/// A term of a node selector: expressions on labels and fields (`metadata.name`, In or NotIn with one value),
/// ANDed. A term that is empty, or has a requirement that is not well formed, matches no node.
bool matches(const NodeSelectorTerm& term, const Labels& labels, std::string_view node_name);

/// Terms are ORed.
bool matches(const NodeSelector& selector, const Labels& labels, std::string_view node_name);

/// The pod's nodeSelector and required node affinity together.
bool matches_required_node_affinity(const Labels& node_selector, const std::vector<NodeSelector>& required,
                                    const NodeSpec& node);

/// Whether one toleration covers one taint. An empty key covers every key, an absent effect every effect.
bool tolerates(const Toleration& toleration, const Taint& taint);

/// The first taint that keeps pods away (NoSchedule or NoExecute) and that none of the tolerations covers, or
/// null.
const Taint* first_untolerated(const std::vector<Taint>& taints, const std::vector<Toleration>& tolerations);

}  // namespace stowage::engine
