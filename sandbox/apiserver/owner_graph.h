#pragma once

#include <set>
#include <string>
#include <unordered_map>

#include "sandbox/apiserver/registry.h"
#include "sandbox/apiserver/store.h"

namespace stowage::sandbox {

/// Every stored object by UID, and who depends on whom through ownerReferences. Kept in step by each write,
/// so that garbage collection costs what it deletes and not what is stored.
class OwnerGraph {
 public:
  struct Node {
    ResourcePtr resource;
    ObjectPtr object;  ///< The present version.
  };

  /// The object as it is now; replaces its former version.
  void put(ResourcePtr resource, const ObjectPtr& object);
  /// The object is gone. Dependents keep their edges: they are what is to be collected.
  void erase(const Object& object);
  /// The living object with this UID, or nullptr.
  [[nodiscard]] const Node* find(const std::string& uid) const;
  /// UIDs of living objects that name `uid` as an owner, in order.
  [[nodiscard]] std::set<std::string> dependents(const std::string& uid) const;
  /// Starts over with what the registry's collections hold.
  void rebuild(const Registry& registry);

 private:
  void unlink(const Object& object);

  std::unordered_map<std::string, Node> nodes_;
  std::unordered_map<std::string, std::set<std::string>> dependents_;
};

}  // namespace stowage::sandbox
