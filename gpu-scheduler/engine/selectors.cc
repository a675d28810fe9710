#include "gpu-scheduler/engine/selectors.h"

#include <algorithm>
#include <charconv>

namespace stowage::engine {
namespace {

constexpr std::string_view kNameField = "metadata.name";

bool holds(const SelectorRequirement& requirement, std::string_view value) {
  return std::ranges::find(requirement.values, value) != requirement.values.end();
}

/// Field selectors compare with the empty string where a node has no such field.
bool field_well_formed(const SelectorRequirement& requirement) {
  return (requirement.op == SelectorOperator::kIn || requirement.op == SelectorOperator::kNotIn) &&
         requirement.values.size() == 1;
}

bool field_matches(const SelectorRequirement& requirement, std::string_view node_name) {
  const std::string_view actual = requirement.key == kNameField ? node_name : std::string_view();
  return (actual == requirement.values.front()) == (requirement.op == SelectorOperator::kIn);
}

bool compare(const SelectorRequirement& requirement, std::string_view value) {
  if (requirement.values.empty()) return false;
  const auto left = parse_label_integer(value);
  const auto right = parse_label_integer(requirement.values.front());
  if (!left || !right) return false;
  return requirement.op == SelectorOperator::kGt ? *left > *right : *left < *right;
}

/// Tolerations compare canonical decimals only: "07", "+7" and "-0" are no numbers there.
std::optional<int64_t> parse_canonical(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits.front() == '+') return std::nullopt;
  if (digits.front() == '0' && text.size() > 1) return std::nullopt;
  return parse_label_integer(text);
}

}  // namespace

std::optional<int64_t> parse_label_integer(std::string_view text) {
  // from_chars takes '-' but not '+'.
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

bool well_formed(const SelectorRequirement& requirement) {
  switch (requirement.op) {
    case SelectorOperator::kIn:
    case SelectorOperator::kNotIn:
      return !requirement.values.empty();
    case SelectorOperator::kExists:
    case SelectorOperator::kDoesNotExist:
      return requirement.values.empty();
    case SelectorOperator::kGt:
    case SelectorOperator::kLt:
      return requirement.values.size() == 1 && parse_label_integer(requirement.values.front()).has_value();
  }
  return false;
}

bool matches(const SelectorRequirement& requirement, const Labels& labels) {
  const auto label = labels.find(requirement.key);
  const bool present = label != labels.end();
  switch (requirement.op) {
    case SelectorOperator::kIn:
      return present && holds(requirement, label->second);
    case SelectorOperator::kNotIn:
      return !present || !holds(requirement, label->second);
    case SelectorOperator::kExists:
      return present;
    case SelectorOperator::kDoesNotExist:
      return !present;
    case SelectorOperator::kGt:
    case SelectorOperator::kLt:
      return present && compare(requirement, label->second);
  }
  return false;
}

bool matches(const LabelSelector& selector, const Labels& labels) {
  return matches_all(selector.match_labels, labels) &&
         std::ranges::all_of(selector.match_expressions,
                             [&](const auto& requirement) { return matches(requirement, labels); });
}

bool matches_all(const Labels& wanted, const Labels& labels) {
  return std::ranges::all_of(wanted, [&](const auto& pair) {
    const auto label = labels.find(pair.first);
    return label != labels.end() && label->second == pair.second;
  });
}

bool matches(const NodeSelectorTerm& term, const Labels& labels, std::string_view node_name) {
  if (term.match_expressions.empty() && term.match_fields.empty()) return false;
  return std::ranges::all_of(term.match_expressions,
                             [&](const auto& requirement) {
                               return well_formed(requirement) && matches(requirement, labels);
                             }) &&
         std::ranges::all_of(term.match_fields, [&](const auto& requirement) {
           return field_well_formed(requirement) && field_matches(requirement, node_name);
         });
}

bool matches(const NodeSelector& selector, const Labels& labels, std::string_view node_name) {
  return std::ranges::any_of(selector.terms,
                             [&](const auto& term) { return matches(term, labels, node_name); });
}

bool matches_required_node_affinity(const Labels& node_selector, const std::vector<NodeSelector>& required,
                                    const NodeSpec& node) {
  return matches_all(node_selector, node.labels) && std::ranges::all_of(required, [&](const auto& selector) {
           return matches(selector, node.labels, node.name);
         });
}

bool tolerates(const Toleration& toleration, const Taint& taint) {
  if (toleration.effect && *toleration.effect != taint.effect) return false;
  if (!toleration.key.empty() && toleration.key != taint.key) return false;
  switch (toleration.op) {
    case TolerationOperator::kEqual:
      return toleration.value == taint.value;
    case TolerationOperator::kExists:
      return true;
    case TolerationOperator::kLt:
    case TolerationOperator::kGt: {
      const auto limit = parse_canonical(toleration.value);
      const auto value = parse_canonical(taint.value);
      if (!limit || !value) return false;
      return toleration.op == TolerationOperator::kLt ? *value < *limit : *value > *limit;
    }
  }
  return false;
}

const Taint* first_untolerated(const std::vector<Taint>& taints, const std::vector<Toleration>& tolerations) {
  for (const Taint& taint : taints) {
    if (taint.effect == TaintEffect::kPreferNoSchedule) continue;
    const bool covered = std::ranges::any_of(
        tolerations, [&](const auto& toleration) { return tolerates(toleration, taint); });
    if (!covered) return &taint;
  }
  return nullptr;
}

}  // namespace stowage::engine
