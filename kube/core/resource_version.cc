#include "kube/core/resource_version.h"

#include <algorithm>

namespace stowage::kube {
namespace {

bool is_decimal(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_zeros(std::string_view text) {
  const size_t first = text.find_first_not_of('0');
  return first == std::string_view::npos ? std::string_view("0") : text.substr(first);
}

}  // namespace

std::optional<std::strong_ordering> compare_resource_versions(std::string_view a, std::string_view b) {
  if (!is_decimal(a) || !is_decimal(b)) return std::nullopt;
  a = without_zeros(a);
  b = without_zeros(b);
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

bool resource_version_at_least(std::string_view have, std::string_view want) {
  if (have.empty()) return false;
  if (have == want) return true;
  const auto order = compare_resource_versions(have, want);
  return order && *order >= 0;
}

}  // namespace stowage::kube
