#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace stowage::kube {

/// One condition of a label selector.
struct LabelRequirement {
  enum class Op { kIn, kNotIn, kExists, kDoesNotExist };
  std::string key;
  Op op = Op::kExists;
  std::vector<std::string> values = {};  ///< For kIn and kNotIn: at least one.
  bool operator==(const LabelRequirement&) const = default;
};

/// The text that the API's `labelSelector` parameter takes ("a=b,c in (d,e),!f"), not URL-encoded.
/// Error: kInvalidArgument, naming the key or value that no label can have.
Result<std::string> format_label_selector(const std::vector<LabelRequirement>& requirements);

/// Reads the same text. Error: kInvalidArgument, saying where and what was expected.
Result<std::vector<LabelRequirement>> parse_label_selector(std::string_view text);

/// "metadata.name=x": a value of a field selector with its own escapes (backslash, comma, equals).
std::string field_equals(std::string_view field, std::string_view value);
std::string field_not_equals(std::string_view field, std::string_view value);

}  // namespace stowage::kube
