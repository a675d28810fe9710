#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/apiserver/api_error.h"
#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {

/// Sorted by key.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// Value of a label, or nullptr.
const std::string* label(const Labels& labels, std::string_view key);

/// A label selector: all requirements must hold.
class LabelSelector {
 public:
  /// Reads "a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1". Error: 400 in kube's words.
  static Answer<LabelSelector> parse(std::string_view text);
  /// Reads metav1.LabelSelector (matchLabels, matchExpressions); an empty object selects everything.
  static LabelSelector from_object(const Json& selector);

  [[nodiscard]] bool matches(const Labels& labels) const;
  [[nodiscard]] bool empty() const { return requirements_.empty(); }

  enum class Op { kIn, kNotIn, kExists, kNotExists, kGreater, kLess };
  struct Requirement {
    std::string key;
    Op op;
    std::vector<std::string> values;
  };

 private:
  std::vector<Requirement> requirements_;
};

/// A field selector: pairs of path and value, equal or not.
struct FieldTerm {
  std::string path;
  std::string value;
  bool equal = true;
};

/// Reads "metadata.name=a,status.phase!=Running". Error: 400.
Answer<std::vector<FieldTerm>> parse_field_selector(std::string_view text);

}  // namespace stowage::sandbox
