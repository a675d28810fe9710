#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace stowage::kube {

/// One mapping of a configuration file, read key by key. A key that is absent leaves the variable as it is:
/// its initial value is the default. What is wrong is remembered and told by ConfigFile::finish(), so that
/// callers read straight on. Cheap to copy; lives as long as its ConfigFile.
class ConfigSection {
 public:
  struct Impl;
  explicit ConfigSection(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  [[nodiscard]] bool has(std::string_view key) const;
  void read(std::string_view key, bool& out);
  /// `out` is left alone and an error noted when the number is outside [least, most].
  void read(std::string_view key, int64_t& out, int64_t least = std::numeric_limits<int64_t>::min(),
            int64_t most = std::numeric_limits<int64_t>::max());
  void read(std::string_view key, double& out, double least = -std::numeric_limits<double>::max(),
            double most = std::numeric_limits<double>::max());
  /// With `one_of`, any other word is an error that lists them.
  void read(std::string_view key, std::string& out, std::initializer_list<std::string_view> one_of = {});
  /// Go's notation: "15s", "500ms", "1m30s", "2h". Never negative.
  void read(std::string_view key, Millis& out, Millis least = Millis{0});
  void read(std::string_view key, std::vector<std::string>& out);
  /// The mapping under `key`; an empty one when absent.
  ConfigSection section(std::string_view key);
  /// The mappings in the sequence under `key`.
  std::vector<ConfigSection> list(std::string_view key);
  /// Notes an error at `key` (or at the section when the key is absent): for rules between values.
  void reject(std::string_view key, std::string sentence);

 private:
  std::shared_ptr<Impl> impl_;
};

/// A versioned configuration file:
///
///     apiVersion: config.stowage.dev/v1alpha1
///     kind: OperatorConfig
///
/// Strict: unknown keys, duplicate keys, wrong types, aliases and several documents are errors that name
/// file, line and column and what to do.
class ConfigFile {
 public:
  /// Reads `text`; `name` stands in messages. Errors (kInvalidArgument): not YAML, wrong apiVersion or kind.
  /// An empty `text` is a file without any key: everything keeps its default.
  static Result<ConfigFile> parse(std::string text, std::string name, std::string_view kind);

  [[nodiscard]] ConfigSection root() const;
  /// After everything was read. Error (kInvalidArgument): all mistakes in the order of the file, one a line,
  /// as `file:line:column: sentence`; keys that nobody read are mistakes too.
  [[nodiscard]] Result<void> finish() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace stowage::kube
