#include "sandbox/apiserver/registry.h"

#include <algorithm>

namespace stowage::sandbox {
namespace {

/// Fields that field selectors may name, beside metadata.name and metadata.namespace.
std::vector<std::string> selectable(const BuiltinResource& r) {
  if (r.kind == "Pod") {
    return {"spec.nodeName",           "status.phase",     "spec.schedulerName", "spec.restartPolicy",
            "spec.serviceAccountName", "spec.hostNetwork", "status.podIP",       "status.nominatedNodeName"};
  }
  if (r.kind == "Node") return {"spec.unschedulable"};
  if (r.kind == "Namespace") return {"status.phase"};
  if (r.kind == "Secret") return {"type"};
  if (r.kind == "Service") return {"spec.clusterIP", "spec.type"};
  if (r.kind == "Job") return {"status.successful"};
  if (r.kind == "ReplicaSet" || r.kind == "ReplicationController") return {"status.replicas"};
  if (r.kind == "Event") {
    return {"involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type"};
  }
  return {};
}

bool keeps_generation(const std::string& kind) {
  static const std::vector<std::string> kinds = {"Pod",
                                                 "Deployment",
                                                 "ReplicaSet",
                                                 "StatefulSet",
                                                 "DaemonSet",
                                                 "PodDisruptionBudget",
                                                 "Job",
                                                 "EndpointSlice",
                                                 "PriorityClass",
                                                 "ReplicationController",
                                                 "CustomResourceDefinition"};
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

}  // namespace

const Subresource* Resource::subresource(std::string_view name) const {
  for (const Subresource& sub : subresources) {
    if (sub.name == name) return &sub;
  }
  return nullptr;
}

std::string Resource::key(std::string_view ns, std::string_view name) const {
  return namespaced ? std::string(ns) + "/" + std::string(name) : std::string(name);
}

Registry::Registry(const Builtins& builtins) {
  std::shared_ptr<Collection> events;
  for (const BuiltinResource& entry : builtins.resources) {
    if (!entry.subresource.empty()) continue;
    auto r = std::make_shared<Resource>();
    r->group = entry.group;
    r->version = entry.version;
    r->plural = entry.plural;
    r->singular = entry.singular;
    r->kind = entry.kind;
    r->list_kind = entry.kind + "List";
    r->namespaced = entry.namespaced;
    r->verbs = entry.verbs;
    r->short_names = entry.short_names;
    r->categories = entry.categories;
    r->schema = entry.schema;
    r->generation = keeps_generation(entry.kind);
    r->storage_api_version = r->kind == "Event" ? "v1" : r->api_version();
    // Both kinds of Event are views of one store.
    if (r->kind == "Event" && events) r->collection = events;
    if (!r->collection) r->collection = std::make_shared<Collection>(selectable(entry));
    if (r->kind == "Event") events = r->collection;
    for (const BuiltinResource& sub : builtins.resources) {
      if (sub.group != entry.group || sub.plural != entry.plural || sub.subresource.empty()) continue;
      r->subresources.push_back(
          {sub.subresource, sub.kind, sub.target_version.empty() ? sub.group : sub.target_group,
           sub.target_version.empty() ? sub.version : sub.target_version, sub.verbs, sub.schema});
      if (sub.subresource == "status") r->has_status = true;
      if (sub.subresource == "scale") {
        r->scale_spec = ".spec.replicas";
        r->scale_status = ".status.replicas";
      }
    }
    resources_.push_back(std::move(r));
  }
}

Registry Registry::fork() const {
  Registry out;
  std::map<const Collection*, std::shared_ptr<Collection>> copies;  // versions of a resource share one
  out.resources_.reserve(resources_.size());
  for (const ResourcePtr& resource : resources_) {
    auto copy = std::make_shared<Resource>(*resource);
    std::shared_ptr<Collection>& collection = copies[resource->collection.get()];
    if (!collection) collection = std::make_shared<Collection>(*resource->collection);
    copy->collection = collection;
    out.resources_.push_back(std::move(copy));
  }
  return out;
}

ResourcePtr Registry::find(std::string_view group, std::string_view version, std::string_view plural) const {
  for (const ResourcePtr& r : resources_) {
    if (r->plural == plural && r->group == group && r->version == version) return r;
  }
  return nullptr;
}

ResourcePtr Registry::find_kind(std::string_view group, std::string_view version,
                                std::string_view kind) const {
  for (const ResourcePtr& r : resources_) {
    if (r->kind == kind && r->group == group && (version.empty() || r->version == version)) return r;
  }
  return nullptr;
}

bool Registry::has_version(std::string_view group, std::string_view version) const {
  return std::any_of(resources_.begin(), resources_.end(),
                     [&](const ResourcePtr& r) { return r->group == group && r->version == version; });
}

void Registry::add(ResourcePtr resource) {
  resources_.push_back(std::move(resource));
}

void Registry::remove(std::string_view group, std::string_view plural) {
  std::erase_if(resources_, [&](const ResourcePtr& r) { return r->group == group && r->plural == plural; });
}

}  // namespace stowage::sandbox
