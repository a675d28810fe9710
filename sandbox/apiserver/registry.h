#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/apiserver/schema.h"
#include "sandbox/apiserver/store.h"

namespace stowage::sandbox {

/// A column of `kubectl get`.
struct Column {
  std::string name, type, format, description;
  int priority = 0;
  std::string json_path = {};  ///< Of custom resources.
};

struct Subresource {
  std::string name, kind, group, version;
  std::vector<std::string> verbs;
  const Schema* schema = nullptr;
};

/// One resource in one version, as served.
struct Resource : std::enable_shared_from_this<Resource> {
  std::string group, version, plural, singular, kind, list_kind;
  bool namespaced = false;
  bool custom = false;
  std::vector<std::string> verbs, short_names, categories;
  std::vector<Subresource> subresources;
  std::vector<Column> columns;  ///< Of custom resources; built-in ones are printed by code.
  const Schema* schema = nullptr;
  std::shared_ptr<SchemaSet> owned;  ///< Keeps a custom resource's schema alive.
  std::shared_ptr<Collection> collection;
  std::string storage_api_version;  ///< apiVersion of the stored text.
  bool has_status = false;
  bool generation = false;                               ///< metadata.generation is kept.
  std::string scale_spec, scale_status, scale_selector;  ///< ".spec.replicas"; empty = no scale subresource.

  [[nodiscard]] std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  [[nodiscard]] const Subresource* subresource(std::string_view name) const;
  [[nodiscard]] std::string key(std::string_view ns, std::string_view name) const;
};
using ResourcePtr = std::shared_ptr<const Resource>;

/// What is served now. Copies of pointers stay valid after a resource is removed.
class Registry {
 public:
  explicit Registry(const Builtins& builtins);
  /// The same resources over copies of their collections.
  [[nodiscard]] Registry fork() const;

  [[nodiscard]] ResourcePtr find(std::string_view group, std::string_view version,
                                 std::string_view plural) const;
  /// First served version of the kind; version may be empty.
  [[nodiscard]] ResourcePtr find_kind(std::string_view group, std::string_view version,
                                      std::string_view kind) const;
  [[nodiscard]] bool has_version(std::string_view group, std::string_view version) const;
  [[nodiscard]] const std::vector<ResourcePtr>& all() const { return resources_; }

  void add(ResourcePtr resource);
  /// Removes every version of a resource.
  void remove(std::string_view group, std::string_view plural);

 private:
  Registry() = default;

  std::vector<ResourcePtr> resources_;  ///< Core first, then built-in groups, then custom ones.
};

}  // namespace stowage::sandbox
