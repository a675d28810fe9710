#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/apply/managed_fields.h"
#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/go_text.h"
#include "sandbox/apiserver/parsed.h"

namespace stowage::sandbox {
namespace {

bool is_crd(const Resource& r) {
  return r.kind == "CustomResourceDefinition" && r.group == "apiextensions.k8s.io";
}

Writer writer_of(const Call& call, const Resource& resource) {
  // Scale and binding change the object itself; only status is recorded as a subresource of its own.
  return {call.manager, resource.api_version(),
          call.subresource == "status" || call.subresource == "scale" ? call.subresource : ""};
}

/// The namespace must exist and live.
Answer<void> check_namespace(const Core& core, const Call& call) {
  if (!call.resource->namespaced) return {};
  const ResourcePtr namespaces = core.builtin("", "namespaces");
  const ObjectPtr found = namespaces->collection->get(call.ns);
  if (found == nullptr) return not_found(subject_of(*namespaces, call.ns));
  if (found->deleting) {
    auto refusal = forbidden(
        call.subject(),
        fmt::format("unable to create new content in namespace {} because it is being terminated", call.ns));
    refusal.error().causes.push_back({"NamespaceTerminating",
                                      fmt::format("namespace {} is being terminated", call.ns),
                                      "metadata.namespace"});
    return refusal;
  }
  return {};
}

Answer<void> place_in_namespace(const Call& call, Json& metadata) {
  if (!call.resource->namespaced) {
    metadata.erase("namespace");
    return {};
  }
  const std::string ns = string_at(metadata, {"namespace"});
  if (!ns.empty() && ns != call.ns) {
    return bad_request(
        "the namespace of the provided object does not match the namespace sent on the request");
  }
  metadata["namespace"] = call.ns;
  return {};
}

void collect_causes(const Core& core, const Call& call, const Json& object, const Json* old,
                    std::vector<Cause>& causes) {
  const Resource& resource = *call.resource;
  validate_metadata(resource, object, causes);
  if (resource.custom) {
    validate_custom(resource, object, old, call.now, causes);
  } else if (is_crd(resource)) {
    validate_crd(core, object, old, causes);
  } else {
    validate_builtin(core, resource, object, old, causes);
  }
}

/// What is stored is in the storage version.
Json to_storage(const Resource& resource, Json object) {
  if (resource.api_version() != resource.storage_api_version) {
    if (resource.kind == "Event" && !resource.custom) {
      convert_event(object, resource.storage_api_version);
    } else {
      object["apiVersion"] = resource.storage_api_version;
    }
  }
  return object;
}

void after_write(Core& core, const Resource& resource, const Json& object, const ObjectPtr& stored,
                 bool created) {
  if (is_crd(resource) && !stored->deleting) install_crd(core, object);
  if (resource.group.empty() && resource.kind == "Namespace" && stored->deleting) {
    core.terminating_namespaces.insert(stored->name);
  }
  if (resource.group.empty() && resource.kind == "Namespace" && !stored->deleting && created) {
    core.new_namespaces.push_back(stored->name);
  }
  if (resource.kind == "PodDisruptionBudget" || (resource.kind == "Pod" && resource.group.empty()))
    core.budgets_dirty = true;
  if (is_crd(resource) && stored->deleting) core.terminating_definitions.insert(stored->name);
  core.graph.put(resource.shared_from_this(), stored);
  // An owner may be missing from the start, or be dropped; while all live there is nothing to collect.
  for (const std::string& owner : stored->owners) {
    const OwnerGraph::Node* node = core.graph.find(owner);
    if (node == nullptr || node->object->deleting) core.orphan_candidates.push_back(owner);
  }
  if (stored->deleting) core.orphan_candidates.push_back(stored->uid);
}

/// What a kind's strategy allocates belongs to nobody unless the client asked for it.
void disown_allocated(const Resource& resource, const Json& asked, Json& defaulted) {
  const auto drop = [&](std::initializer_list<const char*> fields) {
    for (const char* field : fields) {
      if (find_path(asked, {"spec", field}) == nullptr && defaulted.contains("spec"))
        defaulted["spec"].erase(field);
    }
    if (defaulted.contains("spec") && defaulted["spec"].empty() && !asked.contains("spec"))
      defaulted.erase("spec");
  };
  if (!resource.group.empty()) return;
  if (resource.kind == "Namespace") drop({"finalizers"});
  if (resource.kind == "Service") drop({"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"});
}

/// Sets defaults and notes who owns what: defaults belong to the writer, what the server adds to status or
/// allocates does not.
void own_and_prepare(const Core& core, const Call& call, bool keeps_status, Json& object) {
  const Resource& resource = *call.resource;
  const bool allocates =
      resource.group.empty() && (resource.kind == "Namespace" || resource.kind == "Service");
  Json asked = allocates ? object : Json();
  if (!resource.custom) prepare_builtin(core, resource, object, nullptr, call.now);
  if (call.managed_done) return;
  if (allocates) {
    Json defaulted = object;
    defaulted.erase("status");
    disown_allocated(resource, asked, defaulted);
    track_create(defaulted, *resource.schema, writer_of(call, resource), call.now);
    if (const Json* managed = find_path(defaulted, {"metadata", "managedFields"}))
      object["metadata"]["managedFields"] = *managed;
    return;
  }
  auto& members = object.get_ref<Json::object_t&>();
  auto status =
      resource.has_status && !keeps_status ? members.extract("status") : Json::object_t::node_type();
  track_create(object, *resource.schema, writer_of(call, resource), call.now);
  if (status) members.insert(std::move(status));
}

/// Gives the object the next version and stores it.
ObjectPtr commit(Core& core, const Resource& resource, Json& object) {
  const uint64_t version = core.store.next_version();
  object["metadata"]["resourceVersion"] = std::to_string(version);
  ObjectPtr stored;
  if (resource.api_version() == resource.storage_api_version) {
    stored = make_object(resource, object, version);
  } else {
    Json converted = to_storage(resource, object);
    stored = make_object(resource, converted, version);
  }
  const bool created = resource.collection->get(stored->key) == nullptr;
  core.store.put(*resource.collection, stored);
  after_write(core, resource, object, stored, created);
  return stored;
}

/// Keeps what only the server may write.
void keep_system_fields(const Json& old, Json& object) {
  static constexpr const char* kFields[] = {
      "uid",        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
      "generation", "selfLink"};
  const Json& from = old.at("metadata");
  Json& to = object["metadata"];
  for (const char* field : kFields) {
    if (const Json* value = find(from, field)) {
      to[field] = *value;
    } else {
      to.erase(field);
    }
  }
}

/// Makes one member what it was. What is equal is left: to compare costs less than to copy.
void restore_member(const Json& from, Json& to, const std::string& key) {
  const Json* value = find(from, key);
  if (value == nullptr) {
    to.erase(key);
  } else if (const Json* have = find(to, key); have == nullptr || *have != *value) {
    to[key] = *value;
  }
}

/// The same for all members but these.
void restore_members(const Json& from, Json& to, std::initializer_list<std::string_view> but) {
  const auto kept = [&](const std::string& key) { return std::ranges::find(but, key) != but.end(); };
  std::erase_if(to.get_ref<Json::object_t&>(),
                [&](const auto& member) { return !kept(member.first) && !from.contains(member.first); });
  for (const auto& [key, value] : from.items()) {
    if (!kept(key)) restore_member(from, to, key);
  }
}

/// Which part of the object this request may change.
void limit_to_subresource(const Call& call, const Json& old, Json& object) {
  const Resource& resource = *call.resource;
  if (call.subresource == "status") {
    restore_members(old, object, {"metadata", "status"});
    if (resource.custom) restore_members(old["metadata"], object["metadata"], {"managedFields"});
  } else if (resource.has_status) {
    restore_member(old, object, "status");
  }
}

bool same_spec(const Json& a, const Json& b) {
  const auto without = [](const Json& value) {
    std::vector<std::pair<std::string_view, const Json*>> out;
    for (const auto& [key, member] : value.items()) {
      if (key != "metadata" && key != "status" && key != "apiVersion" && key != "kind")
        out.emplace_back(key, &member);
    }
    return out;
  };
  const auto left = without(a);
  const auto right = without(b);
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(), [](const auto& x, const auto& y) {
           return x.first == y.first && *x.second == *y.second;
         });
}

Answer<void> check_versions(const Call& call, const Object& old, Json& object, bool is_put) {
  Json& metadata = object["metadata"];
  const std::string name = string_at(metadata, {"name"});
  if (name.empty()) {
    return bad_request(fmt::format(
        "the name of the object ({} based on URL) was undeterminable: name must be provided", old.name));
  }
  if (name != old.name) {
    return bad_request(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", name, old.name));
  }
  const std::string uid = string_at(metadata, {"uid"});
  if (is_put && !uid.empty() && uid != old.uid) {
    return conflict(
        call.subject(),
        fmt::format(
            "StorageError: invalid object, Code: 4, Key: /registry/{}/{}, ResourceVersion: 0, "
            "AdditionalErrorMsg: Precondition failed: UID in precondition: {}, UID in object meta: {}",
            call.resource->custom ? call.resource->group + "/" + call.resource->plural
                                  : call.resource->plural,
            old.key, uid, old.uid));
  }
  const std::string version = string_at(metadata, {"resourceVersion"});
  if (version.empty() || version == "0") {
    const bool required = call.resource->custom || call.resource->kind == "Lease" || is_crd(*call.resource);
    if (is_put && required && version.empty()) {
      return invalid(call.subject(),
                     {{"FieldValueInvalid", "Invalid value: 0: must be specified for an update",
                       "metadata.resourceVersion"}});
    }
    return {};
  }
  if (version.find_first_not_of("0123456789") != std::string::npos)
    return server_error(fmt::format("strconv.ParseUint: parsing {}: invalid syntax", go_quote(version)));
  return version == std::to_string(old.version) ? Answer<void>() : stale_object(call.subject());
}

/// What a patch may not change (a PUT has been refused before, or what it says is not looked at).
void check_fixed(const Json& old, const Json& object, std::vector<Cause>& causes) {
  const std::string uid = string_at(object, {"metadata", "uid"});
  if (!uid.empty() && uid != string_at(old, {"metadata", "uid"}))
    causes.push_back(
        {"FieldValueInvalid", fmt::format("Invalid value: \"{}\": field is immutable", uid), "metadata.uid"});
  for (const char* field : {"deletionTimestamp", "deletionGracePeriodSeconds"}) {
    const Json* value = find_path(object, {"metadata", field});
    if (value != nullptr && !old.at("metadata").contains(field))
      causes.push_back({"FieldValueInvalid",
                        fmt::format("Invalid value: {}: field is immutable", dump(*value)),
                        fmt::format("metadata.{}", field)});
  }
}

void check_new_finalizers(const Json& old, const Json& object, std::vector<Cause>& causes) {
  if (!old.at("metadata").contains("deletionTimestamp")) return;
  const Json* now = find_path(object, {"metadata", "finalizers"});
  const Json* before = find_path(old, {"metadata", "finalizers"});
  if (now == nullptr || !now->is_array()) return;
  std::string fresh;
  for (const Json& item : *now) {
    if (before == nullptr || std::find(before->begin(), before->end(), item) == before->end())
      fresh += (fresh.empty() ? "" : ", ") + dump(item);
  }
  if (!fresh.empty()) {
    causes.push_back({"FieldValueForbidden",
                      fmt::format("Forbidden: no new finalizers can be added if the object is being deleted, "
                                  "found new finalizers []string{{{}}}",
                                  fresh),
                      "metadata.finalizers"});
  }
}

/// Deletion was asked for, and nothing holds the object any more.
bool may_go(const Resource& resource, const Json& object) {
  const Json& metadata = object.at("metadata");
  if (!metadata.contains("deletionTimestamp")) return false;
  if (const Json* finalizers = find(metadata, "finalizers"); finalizers != nullptr && !finalizers->empty())
    return false;
  if (resource.group.empty() && resource.kind == "Namespace") {
    const Json* own = find_path(object, {"spec", "finalizers"});
    return own == nullptr || own->empty();
  }
  const Json* grace = find(metadata, "deletionGracePeriodSeconds");
  return grace == nullptr || *grace == Json(0);
}

}  // namespace

Answer<Written> create_object(Core& core, Call& call, Json object) {
  const Resource& resource = *call.resource;
  Json& metadata = object["metadata"];
  if (auto r = place_in_namespace(call, metadata); !r) return std::unexpected(std::move(r).error());
  if (!call.dry_run && !string_at(metadata, {"resourceVersion"}).empty())
    return server_error("resourceVersion should not be set on objects to be created");
  const std::string prefix = string_at(metadata, {"generateName"});
  if (string_at(metadata, {"name"}).empty() && !prefix.empty()) {
    metadata["name"] = prefix.substr(0, 63 - 5) + random_suffix(core.random);
  }
  call.name = string_at(metadata, {"name"});
  if (auto r = check_namespace(core, call); !r) return std::unexpected(std::move(r).error());
  if (resource.custom && core.terminating_definitions.contains(resource.plural + "." + resource.group))
    return forbidden(call.subject(), "create not allowed while custom resource definition is terminating");
  for (const char* field : {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"})
    metadata.erase(field);
  if (!call.managed_done) metadata.erase("managedFields");
  metadata["uid"] = new_uid(core.random);
  metadata["creationTimestamp"] = format_rfc3339(call.now);
  if (resource.custom || resource.generation) metadata["generation"] = 1;
  const bool keeps_status = resource.kind == "Node" && resource.group.empty();
  if (resource.has_status && !keeps_status) object.erase("status");
  own_and_prepare(core, call, keeps_status, object);
  if (is_crd(resource)) prepare_crd(object, call.now);
  if (const std::string name = string_at(object, {"spec", "priorityClassName"});
      resource.kind == "Pod" && !name.empty() &&
      core.builtin("scheduling.k8s.io", "priorityclasses")->collection->get(name) == nullptr) {
    return forbidden(call.subject(), fmt::format("no PriorityClass with name {} was found", name));
  }
  std::vector<Cause> causes;
  std::string bytes;
  if (is_revision(resource)) {
    bytes = revision_bytes(core, call, nullptr, object);
    validate_revision(core, nullptr, bytes, causes);
  }
  collect_causes(core, call, object, nullptr, causes);
  if (!causes.empty()) return invalid(call.subject(), std::move(causes));
  if (resource.collection->get(resource.key(call.ns, call.name)) != nullptr)
    return already_exists(call.subject());
  ObjectPtr stored = call.dry_run ? nullptr : commit(core, resource, object);
  if (stored != nullptr && is_revision(resource)) core.revisions[stored->uid] = std::move(bytes);
  return Written{201, std::move(object), std::move(stored)};
}

Answer<Written> update_object(Core& core, Call& call, ObjectPtr old_object, Json object,
                              const Json* old_tree) {
  const Resource& resource = *call.resource;
  const Json parsed = old_tree == nullptr ? read_object(resource, *old_object) : Json();
  const Json& old = old_tree == nullptr ? parsed : *old_tree;
  if (auto r = check_versions(call, *old_object, object, call.request.method == "PUT"); !r)
    return std::unexpected(std::move(r).error());
  if (auto r = place_in_namespace(call, object["metadata"]); !r) return std::unexpected(std::move(r).error());
  std::vector<Cause> causes;
  check_fixed(old, object, causes);
  keep_system_fields(old, object);
  object["metadata"]["resourceVersion"] = old.at("metadata").at("resourceVersion");
  limit_to_subresource(call, old, object);
  if (!resource.custom) prepare_builtin(core, resource, object, &old, call.now);
  if (is_crd(resource)) prepare_crd(object, call.now);
  if ((resource.custom || resource.generation) && !same_spec(old, object)) {
    const Json* generation = find_path(old, {"metadata", "generation"});
    object["metadata"]["generation"] =
        (generation != nullptr && generation->is_number_integer() ? generation->get<int64_t>() : 0) + 1;
  }
  check_new_finalizers(old, object, causes);
  if (is_revision(resource)) validate_revision(core, &old, revision_bytes(core, call, &old, object), causes);
  collect_causes(core, call, object, &old, causes);
  if (!causes.empty()) return invalid(call.subject(), std::move(causes));
  if (!call.managed_done) track_update(old, object, *resource.schema, writer_of(call, resource), call.now);
  if (may_go(resource, object)) {
    if (!call.dry_run) erase_object(core, resource, *old_object);
    return Written{200, std::move(object)};
  }
  if (object == old) return Written{200, old};  // Equal state writes nothing.
  ObjectPtr stored = call.dry_run ? nullptr : commit(core, resource, object);
  return Written{200, std::move(object), std::move(stored)};
}

Answer<Written> put_object(Core& core, Call& call) {
  const Resource& resource = *call.resource;
  const ObjectPtr old = resource.collection->get(resource.key(call.ns, call.name));
  auto body = decode_body(core, call);
  if (!body) return std::unexpected(std::move(body).error());
  if (call.subresource == "scale") {
    if (old == nullptr) return not_found(call.subject());
    Json object = read_object(resource, *old);
    if (auto r = apply_scale(resource, object, *body); !r) return std::unexpected(std::move(r).error());
    auto written = update_object(core, call, old, std::move(object));
    if (written) *written = {written->status, scale_of(resource, written->object)};
    return written;
  }
  if (auto r = conform(core, call, resource, *body); !r) return std::unexpected(std::move(r).error());
  if (old == nullptr) {
    // A few kinds may be created by PUT; the ones controllers rely on (leases, events) among them.
    const bool upsert = call.subresource.empty() && (resource.kind == "Lease" || resource.kind == "Event");
    if (!upsert) return not_found(call.subject());
    return create_object(core, call, *std::move(body));
  }
  return update_object(core, call, old, *std::move(body));
}

void store_object(Core& core, const Resource& resource, Json object) {
  commit(core, resource, object);
}

}  // namespace stowage::sandbox
