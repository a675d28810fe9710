#include "sandbox/world/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/watch.h"

namespace stowage::sandbox {
namespace {

constexpr int kCreated = 201;
constexpr int kConflict = 409;
constexpr int kBad = 400;

std::string shown(const std::string& kind, const std::string& ns, const std::string& name) {
  return name.empty() ? kind : fmt::format("{} {}{}{}", kind, ns, ns.empty() ? "" : "/", name);
}

std::string message_of(const Response& answer) {
  return string_at(Json::parse(answer.body, nullptr, false), {"message"});
}

/// What others refer to comes first.
int rank(const Json& object) {
  constexpr std::string_view kFirst[] = {"Namespace", "CustomResourceDefinition", "PriorityClass", "Node"};
  const std::string kind = string_at(object, {"kind"});
  const auto* at = std::ranges::find(kFirst, kind);
  if (at != std::end(kFirst)) return static_cast<int>(at - std::begin(kFirst));
  return kind == "Pod" ? 9 : 8;
}

class Loader {
 public:
  Loader(Server& server, WallTime now) : server_(server), now_(now) {}

  void load(Json object) {
    const std::string kind = string_at(object, {"kind"});
    const std::string version = string_at(object, {"apiVersion"});
    const std::string name = string_at(object, {"metadata", "name"});
    std::string ns = string_at(object, {"metadata", "namespace"});
    if (kind.empty() || name.empty()) {
      report_.refused.push_back(fmt::format("{}: it has no {}",
                                            shown(kind.empty() ? "an item" : kind, ns, name),
                                            kind.empty() ? "kind" : "name"));
      return;
    }
    const ResourcePtr resource = find(version, kind);
    if (resource == nullptr) {
      report_.unknown[fmt::format("{} ({})", kind, version)].push_back(ns.empty() ? name : ns + "/" + name);
      return;
    }
    if (!resource->namespaced) ns.clear();
    if (resource->namespaced && ns.empty()) ns = "default";
    if (resource->namespaced) need_namespace(ns);
    const std::string old_uid = string_at(object, {"metadata", "uid"});
    strip(object);
    const std::string path = fmt::format("{}{}{}/{}", resource->group.empty() ? "/api/" : "/apis/", version,
                                         resource->namespaced ? "/namespaces/" + ns : "", resource->plural);
    Response answer = call("POST", path, dump(object), "application/json");
    if (answer.status != kCreated && answer.status != kConflict) {
      report_.refused.push_back(shown(kind, ns, name) + ": " + message_of(answer));
      return;
    }
    if (answer.status == kConflict) answer = call("GET", path + "/" + name, "", "");
    ++report_.loaded[kind];
    uids_[old_uid] = string_at(Json::parse(answer.body, nullptr, false), {"metadata", "uid"});
    if (resource->has_status && object.contains("status")) {
      const Json status = {{"status", object["status"]}};
      answer = call("PATCH", path + "/" + name + "/status", dump(status), "application/merge-patch+json");
      if (answer.status >= kBad)
        report_.refused.push_back("the status of " + shown(kind, ns, name) + ": " + message_of(answer));
    }
  }

  /// Whether everything that owns the object has been here, as far as the snapshot has it.
  [[nodiscard]] bool can_follow(const Json& object, const std::set<std::string>& waiting) const {
    const Json* owners = find_path(object, {"metadata", "ownerReferences"});
    return owners == nullptr || std::ranges::none_of(*owners, [&](const Json& owner) {
             return waiting.contains(string_at(owner, {"uid"}));
           });
  }

  SnapshotReport report() && { return std::move(report_); }

 private:
  ResourcePtr find(const std::string& version, const std::string& kind) {
    for (const ResourcePtr& resource : server_.core().registry.all()) {
      if (resource->kind == kind && resource->api_version() == version) return resource;
    }
    return nullptr;
  }

  Response call(std::string method, std::string path, std::string body, std::string type) {
    return server_.handle({.method = std::move(method),
                           .path = std::move(path),
                           .content_type = std::move(type),
                           .user_agent = "snapshot/1",
                           .user = "sandbox-admin",
                           .body = std::move(body)},
                          now_);
  }

  void need_namespace(const std::string& ns) {
    const Json object = {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns}}}};
    if (namespaces_[ns]++ == 0) call("POST", "/api/v1/namespaces", dump(object), "application/json");
  }

  void strip(Json& object) {
    Json& meta = object["metadata"];
    for (const char* key : {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
                            "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"})
      meta.erase(key);
    if (!meta.contains("ownerReferences") || !meta["ownerReferences"].is_array()) return;
    Json kept = Json::array();
    for (Json& owner : meta["ownerReferences"]) {
      const auto uid = uids_.find(string_at(owner, {"uid"}));
      if (uid == uids_.end()) {
        ++report_.owners_dropped;
        continue;
      }
      owner["uid"] = uid->second;
      kept.push_back(owner);
    }
    meta["ownerReferences"] = std::move(kept);
  }

  Server& server_;
  WallTime now_;
  std::map<std::string, std::string> uids_;  ///< In the real cluster -> here.
  std::map<std::string, int> namespaces_;
  SnapshotReport report_;
};

}  // namespace

SnapshotReport load_snapshot(Server& server, std::vector<Json> objects, WallTime now) {
  std::ranges::stable_sort(objects, {}, rank);
  Loader loader(server, now);
  std::set<std::string> waiting;  // UIDs of what is still to come
  for (const Json& object : objects)
    waiting.insert(string_at(object, {"metadata", "uid"}));
  waiting.erase("");
  while (!objects.empty()) {
    std::vector<Json> later;
    const size_t before = objects.size();
    for (Json& object : objects) {
      const std::string uid = string_at(object, {"metadata", "uid"});
      if (!loader.can_follow(object, waiting)) {
        later.push_back(std::move(object));
        continue;
      }
      loader.load(std::move(object));
      waiting.erase(uid);
    }
    objects = std::move(later);
    if (objects.size() == before) waiting.clear();  // they own each other
  }
  while (server.step(now)) {
  }
  return std::move(loader).report();
}

}  // namespace stowage::sandbox
