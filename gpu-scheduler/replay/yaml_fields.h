#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "base/string_map.h"
#include "kube/runtime/yaml_tree.h"

namespace stowage::replay {

/// Strict reading of one mapping of a file: each key is asked for by its type, and what nobody asked for is
/// refused at the end. Errors: kInvalidArgument, "file:line:column: path.key: sentence".
class YamlFields {
 public:
  /// Error: not a mapping. `path` stands before keys in messages; it may be empty.
  static Result<YamlFields> of(const std::string& file, const kube::YamlNode& node, std::string path);

  /// Null when the key is absent or has no value.
  const kube::YamlNode* find(std::string_view key);
  Result<std::string> text(std::string_view key, std::string otherwise);
  /// A text that must be there and not be empty.
  Result<std::string> name(std::string_view key);
  Result<int64_t> integer(std::string_view key, int64_t low, int64_t high, int64_t otherwise);
  /// Kubernetes quantities, not negative: whole units, or thousandths.
  Result<int64_t> quantity(std::string_view key, int64_t otherwise);
  Result<int64_t> quantity_milli(std::string_view key, int64_t otherwise);
  Result<Millis> duration(std::string_view key, Millis otherwise);
  Result<bool> flag(std::string_view key);
  Result<std::vector<std::string>> texts(std::string_view key);
  Result<StringMap> map(std::string_view key);
  /// One mapping an element; empty when the key is absent.
  Result<std::vector<YamlFields>> list(std::string_view key);
  /// Refuses the keys that were not asked for.
  Result<void> finish() const;

  [[nodiscard]] std::unexpected<Error> wrong(const kube::YamlNode& at, std::string_view key,
                                             std::string_view sentence) const;
  /// At the key, or where the mapping begins.
  [[nodiscard]] std::unexpected<Error> wrong(std::string_view key, std::string_view sentence) const;
  [[nodiscard]] const std::string& file() const { return *file_; }
  [[nodiscard]] int line() const { return node_->line; }

 private:
  YamlFields(const std::string& file, const kube::YamlNode& node, std::string path)
      : file_(&file), node_(&node), path_(std::move(path)) {}
  Result<int64_t> amount(std::string_view key, int64_t otherwise, Result<int64_t> (*parse)(std::string_view));

  const std::string* file_;
  const kube::YamlNode* node_;
  std::string path_;
  std::vector<std::string_view> asked_;
};

}  // namespace stowage::replay
