#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stowage::sandbox {

using Json = nlohmann::json;
struct Constraints;

enum class Type : uint8_t {
  kAny,  ///< Whatever JSON allows; never pruned.
  kObject,
  kArray,
  kString,
  kBool,
  kInt32,
  kInt64,
  kDouble,
  kQuantity,
  kIntOrString,
  kTime,
  kMicroTime,
  kBytes,
};

enum class ListType : uint8_t { kAtomic, kSet, kMap };

struct Schema;

/// A named member of an object.
struct Field {
  std::string name;
  const Schema* schema = nullptr;
  bool required = false;
  bool atomic = false;         ///< The map or struct is replaced as a whole by an apply.
  bool always = false;         ///< A struct that the built-in kinds never leave out; owned by nobody as such.
  bool patch_merge = false;    ///< Strategic merge: the list is merged, by merge_key or as a set of scalars.
  bool patch_replace = false;  ///< Strategic merge: the struct is replaced as a whole.
  bool retain_keys = false;
  std::string merge_key;
  std::shared_ptr<const Json> default_value;
  bool pointer = false;  ///< A scalar whose zero value differs from its absence.
  std::string protobuf;  ///< Field number, or "outer.inner" for embedded messages.
};

/// The shape of a value. One type serves decoding, merging, applying, validation and documentation.
struct Schema {
  Type type = Type::kAny;
  std::string type_name;  ///< Of built-in structs: "core.v1.Pod".
  std::map<std::string, Field, std::less<>> fields = {};
  const Schema* items = nullptr;       ///< Of arrays.
  const Schema* additional = nullptr;  ///< Value type of maps.
  ListType list_type = ListType::kAtomic;
  std::vector<std::string> list_keys = {};
  bool atomic = false;            ///< x-kubernetes-map-type: atomic.
  bool preserve_unknown = false;  ///< Unknown fields stay.
  bool embedded = false;          ///< x-kubernetes-embedded-resource.
  bool nullable = false;
  std::string format = {};
  std::string description = {};
  std::shared_ptr<const Constraints> constraints = {};  ///< Of custom resources only.

  [[nodiscard]] const Field* field(std::string_view name) const;
  /// True for objects with any keys of one value type.
  [[nodiscard]] bool is_map() const { return type == Type::kObject && additional != nullptr; }
};

/// Owns schemas; pointers stay valid as long as it lives.
class SchemaSet {
 public:
  Schema* add() { return &nodes_.emplace_back(); }

 private:
  std::deque<Schema> nodes_;
};

/// A `resource` line of the built-in table.
struct BuiltinResource {
  std::string group, version, plural, subresource, kind, singular;
  std::string target_group, target_version;  ///< Of the subresource's own kind, where it differs.
  bool namespaced = false;
  std::vector<std::string> verbs, short_names, categories;
  const Schema* schema = nullptr;
};

/// The built-in kinds.
struct Builtins {
  SchemaSet set;
  std::map<std::string, Schema*, std::less<>> types;
  std::vector<BuiltinResource> resources;

  [[nodiscard]] const Schema* type(std::string_view name) const;
};

/// Reads the compiled-in table (schema/builtin.schema); a malformed table ends the process.
std::unique_ptr<Builtins> load_builtins();
/// The same, read once for the whole process.
std::shared_ptr<const Builtins> shared_builtins();

}  // namespace stowage::sandbox
