#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "sandbox/apiserver/api_error.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/owner_graph.h"
#include "sandbox/apiserver/registry.h"
#include "sandbox/apiserver/server.h"
#include "sandbox/apiserver/store.h"

namespace stowage::sandbox {

/// Everything a Server holds.
struct Core {
  explicit Core(ServerOptions options);
  /// A copy with collections of its own and no listeners; `seed` starts its random numbers.
  Core(const Core& other, uint64_t seed);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  ServerOptions options;
  std::shared_ptr<const Builtins> builtins;  ///< One table for all servers of the process.
  Store store;
  Registry registry;
  Random random;
  /// UIDs whose dependents must be looked at, and namespaces that are going away.
  std::deque<std::string> orphan_candidates;
  OwnerGraph graph;
  std::set<std::string> terminating_namespaces;
  std::set<std::string> terminating_definitions;
  bool budgets_dirty = false;
  WallTime now{};                                ///< Of the latest request or step.
  uint64_t crd_changes = 0;                      ///< Grows with each definition that is installed or removed.
  std::vector<std::string> new_namespaces;       ///< Still without their default service account.
  std::map<std::string, std::string> revisions;  ///< UID of a ControllerRevision -> its data as it was sent.
  PodContents* contents = nullptr;               ///< What runs inside pods; borrowed.

  /// The built-in resource; must exist.
  [[nodiscard]] ResourcePtr builtin(std::string_view group, std::string_view plural) const;
};

enum class FieldValidation { kIgnore, kWarn, kStrict };

/// One request being answered.
struct Call {
  const Request& request;
  Query query;
  WallTime now;
  ResourcePtr resource = {};
  std::string ns = {}, name = {}, subresource = {};
  bool dry_run = false;
  FieldValidation validation = FieldValidation::kWarn;
  std::string manager = {};
  bool managed_done = false;  ///< An apply has written managedFields already.
  std::vector<std::string> warnings = {};

  [[nodiscard]] Subject subject() const;
};

struct Written;

// decode.cc
// ----------------------------------------------------------------------------------------------------------
/// Reads the body by its Content-Type (JSON or YAML).
Answer<Json> decode_body(const Core& core, Call& call);
/// Checks apiVersion and kind against `api_version` and `kind` (filling them in when empty is allowed),
/// coerces to the schema, handles unknown and duplicate fields as fieldValidation asks.
Answer<void> conform(const Core& core, Call& call, const Resource& resource, Json& object);

/// A whole number of a query. Error: 400 in Go's words.
Answer<int64_t> whole_number(std::string_view text);
/// The document is an object whose apiVersion and kind, if it has them, are texts. Error: 400 in Go's words.
Answer<void> check_typed(const Json& object);
/// 400 about a body that could not be read as a `kind`: why, and how it begins.
Refusal unrecognized(std::string_view kind, std::string_view why, std::string_view body);

// meta.cc
// ------------------------------------------------------------------------------------------------------------
std::string new_uid(Random& random);
/// Five characters of apimachinery's alphabet for generateName.
std::string random_suffix(Random& random);
Subject subject_of(const Resource& resource, std::string_view name);
/// The stored form of an object whose metadata is complete; `object` carries the new resourceVersion.
ObjectPtr make_object(const Resource& resource, const Json& object, uint64_t version);
/// Causes for what is wrong with metadata: names, labels, annotations, owners, finalizers.
void validate_metadata(const Resource& resource, const Json& object, std::vector<Cause>& causes);
/// The stored object as a tree, in the version of `resource`.
Json read_object(const Resource& resource, const Object& object);
/// The stored text in the version of `resource`.
std::string served_text(const Resource& resource, const Object& object);
/// The same as an item of a list: built-in kinds leave out apiVersion and kind there.
void append_item(std::string& out, const Resource& resource, const Object& object);

// write.cc
// -----------------------------------------------------------------------------------------------------------
Answer<Written> create_object(Core& core, Call& call, Json object);
/// Replaces `old` by `object` under the rules of updates; `object` has passed conform(). May end in deletion
/// when the last finalizer goes.
/// `old_tree` is the tree of `old` where the caller has it.
Answer<Written> update_object(Core& core, Call& call, ObjectPtr old, Json object,
                              const Json* old_tree = nullptr);
/// PUT and PATCH on the main resource, status and scale.
Answer<Written> put_object(Core& core, Call& call);
Answer<Written> patch_object(Core& core, Call& call);
/// Writes without any rule but a new resourceVersion; for the server's own loops.
void store_object(Core& core, const Resource& resource, Json object);

// remove.cc
// ----------------------------------------------------------------------------------------------------------
struct DeleteOptions {
  std::optional<int64_t> grace_seconds;
  std::string propagation;  ///< "", Background, Foreground, Orphan
  std::string uid, resource_version;
};
Answer<DeleteOptions> read_delete_options(const Core& core, Call& call);
Answer<Response> delete_object(Core& core, Call& call);
Answer<Response> delete_collection(Core& core, Call& call);
/// Deletes under the rules of DELETE; the object as it is then (or was last).
Answer<Written> remove_object(Core& core, Call& call, const DeleteOptions& options, ObjectPtr object,
                              bool* gone);
/// Takes the object out of the store now.
void erase_object(Core& core, const Resource& resource, const Object& object);

// read.cc
// ------------------------------------------------------------------------------------------------------------
Answer<Response> get_object(Core& core, Call& call);
Answer<Response> list_objects(Core& core, Call& call);
Answer<Response> watch_objects(Core& core, Call& call);
Answer<Filter> read_filter(const Call& call);

// output.cc
// ----------------------------------------------------------------------------------------------------------
/// A single object in the form that the Accept header asks for.
Response respond_object(const Core& core, const Call& call, int status, const Json& object);

// subresources.cc
// ----------------------------------------------------------------------------------------------------
Answer<Response> bind_pod(Core& core, Call& call);
Answer<Response> evict_pod(Core& core, Call& call);
/// The Scale view of an object.
Json scale_of(const Resource& resource, const Json& object);
Answer<void> apply_scale(const Resource& resource, Json& object, const Json& scale);
Answer<Response> review_access(Core& core, Call& call);

// pod_access.cc
/// The subresources log and proxy of pods, and refusals of those that need a container.
Answer<Response> reach_into_pod(Core& core, Call& call);

// builtin.cc
// ---------------------------------------------------------------------------------------------------------
/// Defaults of built-in kinds and what their strategies set.
void prepare_builtin(const Core& core, const Resource& resource, Json& object, const Json* old, WallTime now);
void validate_builtin(const Core& core, const Resource& resource, const Json& object, const Json* old,
                      std::vector<Cause>& causes);

// revision_data.cc
// ---------------------------------------------------------------------------------------------------
bool is_revision(const Resource& resource);
/// The bytes that kube-apiserver would keep of a ControllerRevision's data after this request; `object` is
/// what it makes of `old` (null: created). "null" when there are none.
std::string revision_bytes(const Core& core, const Call& call, const Json* old, const Json& object);
/// Causes when data is no object, or when its bytes are not those that were created.
void validate_revision(const Core& core, const Json* old, const std::string& bytes,
                       std::vector<Cause>& causes);

// event_view.cc
// ------------------------------------------------------------------------------------------------------
/// Between core/v1 Event and events.k8s.io/v1 Event; `object` is in the other version.
void convert_event(Json& object, std::string_view to_api_version);

// crd.cc
// -------------------------------------------------------------------------------------------------------------
/// Completes and checks a CustomResourceDefinition: names, schema, conditions.
void prepare_crd(Json& crd, WallTime now);
void validate_crd(const Core& core, const Json& crd, const Json* old, std::vector<Cause>& causes);
/// Notes in a definition's status that its instances are being deleted.
void mark_terminating(Json& crd, WallTime now);
/// Serves what the definition says from now on (again after each change).
void install_crd(Core& core, const Json& crd);
void uninstall_crd(Core& core, const Json& crd);
/// Prunes a custom object, and defaults it unless it is an applied configuration, which owns only what it
/// names; unknown field paths go to `unknown`.
void shape_custom(const Resource& resource, Json& object, std::vector<std::string>& unknown,
                  bool defaults = true);
void validate_custom(const Resource& resource, const Json& object, const Json* old, WallTime now,
                     std::vector<Cause>& causes);

// bootstrap.cc
// -------------------------------------------------------------------------------------------------------
void create_default_account(Core& core, std::string_view ns, WallTime now);

// definitions.cc
/// Deletes the instances of definitions that are being deleted; a definition goes when none is left.
void delete_definitions(Core& core, WallTime now);

// loops.cc
/// Deletes without asking, under the rules of DELETE; only a vanished object could make it fail.
void remove_in_background(Core& core, const ResourcePtr& resource, const ObjectPtr& object,
                          const std::string& propagation, WallTime now);
void drop_finalizer(Core& core, const ResourcePtr& resource, const ObjectPtr& object,
                    const std::string& name);
// -----------------------------------------------------------------------------------------------------------
bool run_loops(Core& core, WallTime now);

}  // namespace stowage::sandbox
