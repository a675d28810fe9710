#pragma once

#include <string>
#include <vector>

#include "api/meta.h"

namespace stowage::api {

/// One requirement of a label or node selector.
struct SelectorRequirement {
  std::string key;
  std::string op;  ///< In, NotIn, Exists, DoesNotExist; node selectors also Gt and Lt.
  std::vector<std::string> values;
  bool operator==(const SelectorRequirement&) const = default;
};

/// metav1.LabelSelector. Present and empty selects everything; absence is said by std::optional around it.
struct LabelSelector {
  StringMap match_labels;
  std::vector<SelectorRequirement> match_expressions;
  bool operator==(const LabelSelector&) const = default;
};

struct NodeSelectorTerm {
  std::vector<SelectorRequirement> match_expressions;
  std::vector<SelectorRequirement> match_fields;
  bool operator==(const NodeSelectorTerm&) const = default;
};

/// Terms are ORed; no terms match nothing.
struct NodeSelector {
  std::vector<NodeSelectorTerm> terms;
  bool operator==(const NodeSelector&) const = default;
};

}  // namespace stowage::api
