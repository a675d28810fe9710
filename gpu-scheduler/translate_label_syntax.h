#pragma once

#include <string_view>

#include "api/core/selector.h"

/// What the API server refuses in selectors. kube-scheduler checks again, for objects older than a rule.
namespace stowage::scheduler {

/// "name" or "prefix/name": the name 1..63 of [A-Za-z0-9._-] with letters or digits at both ends, the prefix
/// a DNS name.
bool is_label_key(std::string_view text);
/// Empty, or as the name of a key.
bool is_label_value(std::string_view text);

/// A requirement on labels as labels.NewRequirement takes it: operator known, number of values right for it,
/// syntax of key and values. `numeric` allows Gt and Lt with one integer (node selectors).
bool is_valid(const api::SelectorRequirement& requirement, bool numeric);
/// Every label and requirement; Gt and Lt are not for pods.
bool is_valid(const api::LabelSelector& selector);

}  // namespace stowage::scheduler
