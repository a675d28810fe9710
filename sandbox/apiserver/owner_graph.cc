#include "sandbox/apiserver/owner_graph.h"

namespace stowage::sandbox {

void OwnerGraph::unlink(const Object& object) {
  for (const std::string& owner : object.owners) {
    const auto it = dependents_.find(owner);
    if (it == dependents_.end()) continue;
    it->second.erase(object.uid);
    if (it->second.empty()) dependents_.erase(it);
  }
}

void OwnerGraph::put(ResourcePtr resource, const ObjectPtr& object) {
  Node& node = nodes_[object->uid];
  if (node.object == nullptr || node.object->owners != object->owners) {
    if (node.object != nullptr) unlink(*node.object);
    for (const std::string& owner : object->owners)
      dependents_[owner].insert(object->uid);
  }
  node = {std::move(resource), object};
}

void OwnerGraph::erase(const Object& object) {
  const auto it = nodes_.find(object.uid);
  if (it == nodes_.end()) return;
  unlink(*it->second.object);
  nodes_.erase(it);
}

const OwnerGraph::Node* OwnerGraph::find(const std::string& uid) const {
  const auto it = nodes_.find(uid);
  return it == nodes_.end() ? nullptr : &it->second;
}

std::set<std::string> OwnerGraph::dependents(const std::string& uid) const {
  const auto it = dependents_.find(uid);
  return it == dependents_.end() ? std::set<std::string>() : it->second;
}

void OwnerGraph::rebuild(const Registry& registry) {
  nodes_.clear();
  dependents_.clear();
  std::set<const Collection*> seen;
  for (const ResourcePtr& resource : registry.all()) {
    if (!seen.insert(resource->collection.get()).second) continue;
    for (const auto& [key, object] : resource->collection->objects())
      put(resource, object);
  }
}

}  // namespace stowage::sandbox
