#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/parsed.h"

// The control loops of a control plane that an API server is useless without: garbage collection by
// ownerReferences, namespace deletion, disruption budgets, default service accounts. One pass per call, on
// the present state.

namespace stowage::sandbox {
namespace {

bool has_finalizer(const Json& tree, const std::string& name) {
  const Json* list = find_path(tree, {"metadata", "finalizers"});
  return list != nullptr && list->is_array() &&
         std::find(list->begin(), list->end(), Json(name)) != list->end();
}

/// The living dependents of an owner.
std::vector<OwnerGraph::Node> dependents_of(const Core& core, const std::string& owner) {
  std::vector<OwnerGraph::Node> out;
  for (const std::string& uid : core.graph.dependents(owner)) {
    if (const OwnerGraph::Node* node = core.graph.find(uid)) out.push_back(*node);
  }
  return out;
}

void orphan_dependents(Core& core, const std::string& owner) {
  for (const OwnerGraph::Node& dependent : dependents_of(core, owner)) {
    Json tree = read_object(*dependent.resource, *dependent.object);
    Json& list = tree["metadata"]["ownerReferences"];
    std::erase_if(list.get_ref<Json::array_t&>(),
                  [&](const Json& ref) { return string_at(ref, {"uid"}) == owner; });
    if (list.empty()) tree["metadata"].erase("ownerReferences");
    store_object(core, *dependent.resource, std::move(tree));
  }
}

bool blocks(const Json& tree, const std::string& owner) {
  const Json* list = find_path(tree, {"metadata", "ownerReferences"});
  return list != nullptr && std::any_of(list->begin(), list->end(), [&](const Json& ref) {
           return string_at(ref, {"uid"}) == owner && ref.value("blockOwnerDeletion", false);
         });
}

/// Foreground: dependents first. Returns true when none of those that block is left.
bool delete_foreground_dependents(Core& core, const std::string& owner, WallTime now) {
  for (const OwnerGraph::Node& dependent : dependents_of(core, owner)) {
    if (!dependent.object->deleting)
      remove_in_background(core, dependent.resource, dependent.object, "Foreground", now);
  }
  const auto left = dependents_of(core, owner);
  return std::none_of(left.begin(), left.end(), [&](const OwnerGraph::Node& dependent) {
    return blocks(read_object(*dependent.resource, *dependent.object), owner);
  });
}

/// An owner on its way out: its finalizers say what becomes of its dependents.
void finish_owner(Core& core, const OwnerGraph::Node& owner, WallTime now) {
  const std::string uid = owner.object->uid;
  const Json tree = read_object(*owner.resource, *owner.object);
  const char* finalizer = nullptr;
  if (has_finalizer(tree, "orphan")) {
    orphan_dependents(core, uid);
    finalizer = "orphan";
  } else if (has_finalizer(tree, "foregroundDeletion") && delete_foreground_dependents(core, uid, now)) {
    finalizer = "foregroundDeletion";
  }
  const OwnerGraph::Node* current = core.graph.find(uid);
  if (finalizer == nullptr || current == nullptr) return;
  const OwnerGraph::Node node = *current;
  drop_finalizer(core, node.resource, node.object, finalizer);
}

void collect_garbage(Core& core, WallTime now) {
  const std::set<std::string> candidates(core.orphan_candidates.begin(), core.orphan_candidates.end());
  core.orphan_candidates.clear();
  for (const std::string& uid : candidates) {
    if (const OwnerGraph::Node* found = core.graph.find(uid)) {
      const OwnerGraph::Node owner = *found;  // what follows may move the graph's nodes
      if (owner.object->deleting) finish_owner(core, owner, now);
      continue;
    }
    for (const OwnerGraph::Node& dependent : dependents_of(core, uid)) {
      const auto& owners = dependent.object->owners;
      const bool other_owner = std::any_of(
          owners.begin(), owners.end(), [&](const std::string& o) { return core.graph.find(o) != nullptr; });
      if (!other_owner && !dependent.object->deleting)
        remove_in_background(core, dependent.resource, dependent.object, "Background", now);
    }
  }
}

/// What lies in a namespace.
std::vector<OwnerGraph::Node> content_of(const Core& core, const std::string& ns) {
  std::vector<OwnerGraph::Node> out;
  std::set<const Collection*> seen;
  for (const ResourcePtr& resource : core.registry.all()) {
    if (!resource->namespaced || !seen.insert(resource->collection.get()).second) continue;
    const auto& objects = resource->collection->objects();
    for (auto it = objects.lower_bound(ns + "/"); it != objects.end() && it->second->ns == ns; ++it)
      out.push_back({resource, it->second});
  }
  return out;
}

/// Deletes what is in terminating namespaces; a namespace goes when it is empty.
void delete_namespaces(Core& core, WallTime now) {
  const ResourcePtr namespaces = core.builtin("", "namespaces");
  const std::set<std::string> names = core.terminating_namespaces;
  for (const std::string& name : names) {
    const ObjectPtr object = namespaces->collection->get(name);
    if (object == nullptr || !object->deleting) {
      core.terminating_namespaces.erase(name);
      continue;
    }
    for (const OwnerGraph::Node& item : content_of(core, name)) {
      if (!item.object->deleting) remove_in_background(core, item.resource, item.object, "Background", now);
    }
    const bool empty = content_of(core, name).empty();
    if (!empty) continue;
    core.terminating_namespaces.erase(name);
    Json tree = read_object(*namespaces, *object);
    tree["spec"].erase("finalizers");
    const Json* own = find_path(tree, {"metadata", "finalizers"});
    if (own == nullptr || own->empty()) {
      erase_object(core, *namespaces, *object);
    } else {
      store_object(core, *namespaces, std::move(tree));
    }
  }
}

/// "3" or "50%" of `total`; percentages round up.
int64_t scaled(const Json& value, int64_t total) {
  if (value.is_number_integer()) return value.get<int64_t>();
  const std::string text = value.is_string() ? value.get<std::string>() : "0";
  return (std::strtoll(text.c_str(), nullptr, 10) * total + 99) / 100;
}

bool ready(const Json& pod) {
  const Json* conditions = find_path(pod, {"status", "conditions"});
  return conditions != nullptr && std::any_of(conditions->begin(), conditions->end(), [](const Json& c) {
           return string_at(c, {"type"}) == "Ready" && string_at(c, {"status"}) == "True";
         });
}

/// Recomputes the status of every budget.
void update_budgets(Core& core) {
  core.budgets_dirty = false;
  const ResourcePtr budgets = core.builtin("policy", "poddisruptionbudgets");
  const ResourcePtr pods = core.builtin("", "pods");
  const auto all = budgets->collection->objects();
  for (const auto& [key, budget] : all) {
    Json tree = read_object(*budgets, *budget);
    const Json* selector = find_path(tree, {"spec", "selector"});
    const LabelSelector matching =
        selector == nullptr ? LabelSelector() : LabelSelector::from_object(*selector);
    int64_t expected = 0;
    int64_t healthy = 0;
    for (auto it = pods->collection->objects().lower_bound(budget->ns + "/");
         it != pods->collection->objects().end() && it->second->ns == budget->ns; ++it) {
      if (selector == nullptr || !matching.matches(it->second->labels)) continue;
      const Json pod = read_object(*pods, *it->second);
      const std::string phase = string_at(pod, {"status", "phase"});
      if (phase == "Succeeded" || phase == "Failed") continue;
      ++expected;
      if (ready(pod) && !it->second->deleting) ++healthy;
    }
    int64_t desired = 0;
    if (const Json* least = find_path(tree, {"spec", "minAvailable"})) desired = scaled(*least, expected);
    if (const Json* most = find_path(tree, {"spec", "maxUnavailable"}))
      desired = std::max<int64_t>(0, expected - scaled(*most, expected));
    Json status = {{"currentHealthy", healthy},
                   {"desiredHealthy", desired},
                   {"expectedPods", expected},
                   {"disruptionsAllowed", expected > 0 ? std::max<int64_t>(0, healthy - desired) : 0},
                   {"observedGeneration", tree["metadata"].value("generation", 1)}};
    if (tree.value("status", Json::object()) == status) continue;
    tree["status"] = std::move(status);
    store_object(core, *budgets, std::move(tree));
  }
  core.budgets_dirty = false;
}

}  // namespace

void remove_in_background(Core& core, const ResourcePtr& resource, const ObjectPtr& object,
                          const std::string& propagation, WallTime now) {
  const Request request{.method = "DELETE"};
  Call call{.request = request,
            .query = Query(""),
            .now = now,
            .resource = resource,
            .ns = object->ns,
            .name = object->name};
  bool gone = false;
  // Only a vanished object could make this fail, and there is nothing left to do then.
  (void)remove_object(core, call, {.propagation = propagation, .uid = object->uid}, object, &gone);
}

void drop_finalizer(Core& core, const ResourcePtr& resource, const ObjectPtr& object,
                    const std::string& name) {
  Json tree = read_object(*resource, *object);
  Json& metadata = tree["metadata"];
  if (!metadata.contains("finalizers")) return;
  std::erase_if(metadata["finalizers"].get_ref<Json::array_t&>(),
                [&](const Json& item) { return item == Json(name); });
  const Json* grace = find(metadata, "deletionGracePeriodSeconds");
  const bool over = grace == nullptr || *grace == Json(0);
  if (metadata["finalizers"].empty() && over && object->deleting) {
    erase_object(core, *resource, *object);
    return;
  }
  if (metadata["finalizers"].empty()) metadata.erase("finalizers");
  store_object(core, *resource, std::move(tree));
}

bool run_loops(Core& core, WallTime now) {
  const uint64_t before = core.store.version();
  for (const std::string& ns : std::exchange(core.new_namespaces, {}))
    create_default_account(core, ns, now);
  collect_garbage(core, now);
  if (!core.terminating_namespaces.empty()) delete_namespaces(core, now);
  if (!core.terminating_definitions.empty()) delete_definitions(core, now);
  if (core.budgets_dirty) update_budgets(core);
  return core.store.version() != before;
}

}  // namespace stowage::sandbox
