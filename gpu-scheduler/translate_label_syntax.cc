#include <algorithm>

#include "gpu-scheduler/engine/selectors.h"
#include "gpu-scheduler/translate_label_syntax.h"

namespace stowage::scheduler {
namespace {

constexpr size_t kMaxName = 63;
constexpr size_t kMaxPrefix = 253;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) && std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

bool is_dns_label(std::string_view text) {
  const auto inner = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); };
  return !text.empty() && inner(text.front()) && inner(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return inner(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > kMaxPrefix) return false;
  for (;;) {
    const size_t dot = text.find('.');
    if (!is_dns_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

bool is_label_key(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_name(text);
  return is_dns_subdomain(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

bool is_label_value(std::string_view text) {
  return text.empty() || is_name(text);
}

bool is_valid(const api::SelectorRequirement& requirement, bool numeric) {
  if (!is_label_key(requirement.key) || !std::ranges::all_of(requirement.values, is_label_value))
    return false;
  const std::string_view op = requirement.op;
  if (op == "In" || op == "NotIn") return !requirement.values.empty();
  if (op == "Exists" || op == "DoesNotExist") return requirement.values.empty();
  return numeric && (op == "Gt" || op == "Lt") && requirement.values.size() == 1 &&
         engine::parse_label_integer(requirement.values.front()).has_value();
}

bool is_valid(const api::LabelSelector& selector) {
  return std::ranges::all_of(
             selector.match_labels,
             [](const auto& pair) { return is_label_key(pair.first) && is_label_value(pair.second); }) &&
         std::ranges::all_of(selector.match_expressions,
                             [](const auto& requirement) { return is_valid(requirement, false); });
}

}  // namespace stowage::scheduler
