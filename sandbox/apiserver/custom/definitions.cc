#include <nlohmann/json.hpp>

#include "sandbox/apiserver/core.h"

// What becomes of the instances of a definition that is deleted.

namespace stowage::sandbox {
namespace {

constexpr const char* kInstanceCleanup = "customresourcecleanup.apiextensions.k8s.io";

ResourcePtr resource_of(const Core& core, const std::string& definition) {
  for (const ResourcePtr& resource : core.registry.all()) {
    if (resource->custom && resource->plural + "." + resource->group == definition) return resource;
  }
  return nullptr;
}

}  // namespace

void delete_definitions(Core& core, WallTime now) {
  const ResourcePtr definitions = core.builtin("apiextensions.k8s.io", "customresourcedefinitions");
  const std::set<std::string> names = core.terminating_definitions;
  for (const std::string& name : names) {
    const ObjectPtr definition = definitions->collection->get(name);
    if (definition == nullptr || !definition->deleting) {
      core.terminating_definitions.erase(name);
      continue;
    }
    const ResourcePtr resource = resource_of(core, name);
    if (resource != nullptr) {
      const auto objects = resource->collection->objects();
      for (const auto& [key, object] : objects) {
        if (!object->deleting) remove_in_background(core, resource, object, "Background", now);
      }
      // Instances with finalizers hold the definition, as long as somebody holds them.
      if (!resource->collection->objects().empty()) continue;
    }
    core.terminating_definitions.erase(name);
    drop_finalizer(core, definitions, definition, kInstanceCleanup);
  }
}

}  // namespace stowage::sandbox
