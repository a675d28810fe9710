#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/apply/managed_fields.h"
#include "sandbox/apiserver/apply/typed.h"
#include "sandbox/apiserver/coerce.h"
#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/go_text.h"
#include "sandbox/apiserver/parsed.h"
#include "sandbox/apiserver/patch.h"

namespace stowage::sandbox {
namespace {

Refusal required_manager() {
  Subject subject{"meta.k8s.io", "", "PatchOptions", ""};
  return invalid(subject,
                 {{"FieldValueRequired", "Required value: is required for apply patch", "fieldManager"}});
}

/// A type that is no patch is refused before the server looks for what could be patched.
Refusal unsupported_patch(bool custom, bool patch) {
  auto refusal = unsupported_media_type();
  refusal.error().message = "415: Unsupported Media Type";
  if (patch)
    refusal.error().message = fmt::format(
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, "
        "application/merge-patch+json, {}application/apply-patch+yaml",
        custom ? "" : "application/strategic-merge-patch+json, ");
  return refusal;
}

/// An apply speaks of its part only: the main resource never of status, the status subresource of nothing
/// else.
void limit_applied(const Call& call, Json& applied) {
  if (call.subresource != "status") {
    if (call.resource->has_status) applied.erase("status");
    return;
  }
  for (auto it = applied.begin(); it != applied.end();) {
    const bool keep =
        it.key() == "apiVersion" || it.key() == "kind" || it.key() == "metadata" || it.key() == "status";
    it = keep ? std::next(it) : applied.erase(it);
  }
  Json& metadata = applied["metadata"];
  for (auto it = metadata.begin(); it != metadata.end();) {
    const bool keep =
        it.key() == "name" || it.key() == "namespace" || it.key() == "uid" || it.key() == "resourceVersion";
    it = keep ? std::next(it) : metadata.erase(it);
  }
}

Answer<Written> apply(Core& core, Call& call, const ObjectPtr& old) {
  const Resource& resource = *call.resource;
  if (call.query.get("fieldManager").empty()) return required_manager();
  auto applied = decode_body(core, call);
  if (!applied) return std::unexpected(std::move(applied).error());
  if (applied->is_null()) *applied = Json::object();
  if (!applied->is_object()) return bad_request("error decoding patch: it is no object");
  const std::string version = string_at(*applied, {"apiVersion"});
  const std::string kind = string_at(*applied, {"kind"});
  const std::string kind_text =
      fmt::format("{}{}, Kind={}", version.find('/') == std::string::npos ? "/" : "", version, kind);
  if (version != resource.api_version() || kind != resource.kind)
    return bad_request("invalid object type: " + kind_text);
  if (const Json* managed = find_path(*applied, {"metadata", "managedFields"});
      managed != nullptr && !managed->empty()) {
    return bad_request("metadata.managedFields must be nil");
  }
  if (const std::string why = typed_problem(*applied, *resource.schema); !why.empty()) {
    return server_error(fmt::format("failed to create typed patch object ({}/{}; {}): {}",
                                    string_at(*applied, {"metadata", "namespace"}),
                                    string_at(*applied, {"metadata", "name"}), kind_text, why));
  }
  if (auto r = conform(core, call, resource, *applied); !r) return std::unexpected(std::move(r).error());
  Json& metadata = (*applied)["metadata"];
  const std::string name = string_at(metadata, {"name"});
  if (!name.empty() && name != call.name) {
    return bad_request(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", name, call.name));
  }
  metadata["name"] = call.name;
  if (resource.namespaced && string_at(metadata, {"namespace"}).empty()) metadata["namespace"] = call.ns;
  for (const char* field : {"creationTimestamp", "generation", "selfLink", "managedFields"})
    metadata.erase(field);
  const std::string uid = string_at(metadata, {"uid"});
  if (old == nullptr) {
    if (!call.subresource.empty()) return not_found(call.subject());
    if (!uid.empty()) {
      return conflict(
          call.subject(),
          fmt::format("uid mismatch: the provided object specified uid {}, and no existing object was found",
                      uid));
    }
  } else {
    const std::string wanted = string_at(metadata, {"resourceVersion"});
    if (!wanted.empty() && wanted != std::to_string(old->version)) return stale_object(call.subject());
  }
  metadata.erase("uid");
  metadata.erase("resourceVersion");
  limit_applied(call, *applied);

  const Json live = old == nullptr ? Json() : read_object(resource, *old);
  const Writer writer{call.manager, resource.api_version(), call.subresource};
  auto merged =
      apply_configuration(live, *applied, *resource.schema, writer, call.query.flag("force"), call.now);
  if (!merged) return std::unexpected(std::move(merged).error());
  if (!uid.empty()) (*merged)["metadata"]["uid"] = uid;  // an update will say whether it is right
  call.managed_done = true;
  std::vector<std::string> unknown;
  if (resource.custom) {  // Defaults of what the merge has brought together.
    shape_custom(resource, *merged, unknown);
  } else if (auto r = coerce_builtin(*merged, *resource.schema, resource.kind, resource.version, unknown);
             !r) {
    return std::unexpected(std::move(r).error());
  }
  return old == nullptr ? create_object(core, call, *std::move(merged))
                        : update_object(core, call, old, *std::move(merged), &live);
}

/// 422 about the outcome of a patch: `shown` is what kube-apiserver shows of it.
Refusal bad_outcome(const std::string& shown, const std::string& why) {
  return invalid({"", "", "", ""}, {{"FieldValueInvalid",
                                     fmt::format("Invalid value: {}: {}", dump(Json(shown)), why), "patch"}});
}

/// A patch may not make another kind of the object.
std::string kind_problem(const Core& core, const Resource& resource, const Json& object) {
  const std::string version = string_at(object, {"apiVersion"});
  const std::string kind = string_at(object, {"kind"});
  if ((version.empty() || version == resource.api_version()) && (kind.empty() || kind == resource.kind))
    return {};
  const auto& all = core.registry.all();
  const bool known = std::any_of(all.begin(), all.end(), [&](const ResourcePtr& r) {
    return !r->custom && r->kind == kind && r->api_version() == version;
  });
  if (known)
    return fmt::format("converting ({}.{}) to ({}.{}): unknown conversion",
                       version.substr(version.rfind('/') + 1), kind,
                       resource.group.empty() ? "core" : resource.group, resource.kind);
  return fmt::format(
      "no kind \"{}\" is registered for version \"{}\" in scheme \"pkg/runtime/scheme.go:111\"", kind,
      version);
}

/// The patched object in the shape of its kind; `shown` as for bad_outcome().
Answer<Json> conformed(const Core& core, Call& call, const Resource& resource, Json object,
                       const std::string& shown) {
  if (auto r = conform(core, call, resource, object); !r) {
    ApiError error = std::move(r).error();
    const std::string words = fmt::format("cannot be handled as a {}: ", resource.kind);
    const size_t at = error.message.find(words);
    return bad_outcome(shown,
                       at == std::string::npos ? error.message : error.message.substr(at + words.size()));
  }
  return object;
}

Answer<Json> decode_patch(const Core& core, Call& call) {
  auto patch = decode_body(core, call);
  if (!patch && patch.error().line > 0) return bad_request("invalid JSON patch");
  return patch;
}

/// `live` after the patch in the body, as it is sent: not yet in any shape.
Answer<Json> patched(const Json& live, const Json& patch, std::string_view type, const Schema& schema) {
  if (type == "application/json-patch+json") return json_patch(live, patch);
  if (type == "application/merge-patch+json") return merge_patch(live, patch);
  return strategic_merge_patch(live, patch, schema);
}

Answer<Json> patched_object(const Core& core, Call& call, const Json& live, std::string_view type) {
  const Resource& resource = *call.resource;
  auto patch = decode_patch(core, call);
  if (!patch) return patch;
  auto object = patched(live, *patch, type, *resource.schema);
  if (!object) return object;
  std::string why;
  const bool strategic = type == "application/strategic-merge-patch+json";
  if (strategic) {  // goes into the struct of the kind, whatever kind it says
    (*object)["apiVersion"] = resource.api_version();
    (*object)["kind"] = resource.kind;
    why = restore_problem(*object, *resource.schema);
  } else if (object->is_object() && !resource.custom) {
    why = kind_problem(core, resource, *object);
  }
  std::string shown = strategic ? go_value(*patch) : dump(*object);
  if (!why.empty()) return bad_outcome(shown, why);
  return conformed(core, call, resource, *std::move(object), shown);
}

}  // namespace

Answer<Written> patch_object(Core& core, Call& call) {
  const Resource& resource = *call.resource;
  const ObjectPtr old = resource.collection->get(resource.key(call.ns, call.name));
  std::string_view type = call.request.content_type;
  type = type.substr(0, type.find(';'));
  if (type == "application/apply-patch+yaml") return apply(core, call, old);
  const bool strategic = type == "application/strategic-merge-patch+json";
  if ((strategic && resource.custom) ||
      (!strategic && type != "application/merge-patch+json" && type != "application/json-patch+json")) {
    return unsupported_patch(resource.custom, strategic);
  }
  if (call.query.has("force")) {
    return invalid({"meta.k8s.io", "", "PatchOptions", ""},
                   {{"FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force"}});
  }
  if (old == nullptr) return not_found(call.subject());
  Json live = read_object(resource, *old);
  if (call.subresource == "scale") {
    const Schema* schema = resource.subresource("scale")->schema;
    static const Schema any;
    auto patch = decode_patch(core, call);
    if (!patch) return std::unexpected(std::move(patch).error());
    auto scale = patched(scale_of(resource, live), *patch, type, schema != nullptr ? *schema : any);
    if (!scale) return std::unexpected(std::move(scale).error());
    if (auto r = apply_scale(resource, live, *scale); !r) return std::unexpected(std::move(r).error());
    auto written = update_object(core, call, old, std::move(live));
    if (written) *written = {written->status, scale_of(resource, written->object)};
    return written;
  }
  auto object = patched_object(core, call, live, type);
  if (!object) return std::unexpected(std::move(object).error());
  return update_object(core, call, old, *std::move(object), &live);
}

}  // namespace stowage::sandbox
