#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/string_map.h"

namespace stowage::api {

using stowage::StringMap;

struct OwnerReference {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool controller = false;
  bool operator==(const OwnerReference&) const = default;
};

/// The part of metav1.ObjectMeta that Stowage reads.
struct ObjectMeta {
  std::string name;
  std::string ns;  ///< Empty for cluster-scoped objects.
  std::string uid;
  std::string resource_version;  ///< Opaque: passed back verbatim, never parsed into a fixed-width number.
  int64_t generation = 0;
  WallTime created = {};
  std::optional<WallTime> deleted = {};  ///< deletionTimestamp.
  StringMap labels;
  StringMap annotations;
  std::vector<OwnerReference> owners;
  std::vector<std::string> finalizers;

  /// "ns/name", or "name" for cluster-scoped objects.
  [[nodiscard]] std::string key() const { return ns.empty() ? name : ns + "/" + name; }
  [[nodiscard]] const OwnerReference* controller() const {
    for (const auto& owner : owners) {
      if (owner.controller) return &owner;
    }
    return nullptr;
  }
  /// The label's value, or an empty string.
  [[nodiscard]] const std::string& label(std::string_view key) const { return lookup(labels, key); }
  [[nodiscard]] const std::string& annotation(std::string_view key) const { return lookup(annotations, key); }
  bool operator==(const ObjectMeta&) const = default;

 private:
  static const std::string& lookup(const StringMap& map, std::string_view key) {
    static const std::string kEmpty;
    const auto it = map.find(key);
    return it == map.end() ? kEmpty : it->second;
  }
};

/// metav1.Condition.
struct Condition {
  std::string type;
  std::string status;  ///< True, False or Unknown.
  std::string reason;
  std::string message;
  int64_t observed_generation = 0;
  WallTime last_transition = {};
  bool operator==(const Condition&) const = default;
};

}  // namespace stowage::api
