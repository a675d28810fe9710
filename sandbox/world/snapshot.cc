#include "sandbox/world/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/watch.h"

namespace stowage::sandbox {
namespace {

constexpr int kCreated = 201;
constexpr int kConflict = 409;

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
    const ResourcePtr resource = find(version, kind);
    if (resource == nullptr || name.empty()) {
      ++report_.unknown[fmt::format("{} ({})", kind, version)];
      return;
    }
    std::string ns = string_at(object, {"metadata", "namespace"});
    if (resource->namespaced && ns.empty()) ns = "default";
    if (resource->namespaced) need_namespace(ns);
    const std::string old_uid = string_at(object, {"metadata", "uid"});
    strip(object);
    const std::string path = fmt::format("{}{}{}/{}", resource->group.empty() ? "/api/" : "/apis/", version,
                                         resource->namespaced ? "/namespaces/" + ns : "", resource->plural);
    Response answer = call("POST", path, object.dump(), "application/json");
    if (answer.status != kCreated && answer.status != kConflict) {
      report_.refused.push_back(fmt::format(
          "{} {}/{}: {}", kind, ns, name, string_at(Json::parse(answer.body, nullptr, false), {"message"})));
      return;
    }
    if (answer.status == kConflict) answer = call("GET", path + "/" + name, "", "");
    ++report_.loaded[kind];
    uids_[old_uid] = string_at(Json::parse(answer.body, nullptr, false), {"metadata", "uid"});
    if (resource->has_status && object.contains("status")) {
      const Json status = {{"status", object["status"]}};
      call("PATCH", path + "/" + name + "/status", status.dump(), "application/merge-patch+json");
    }
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
    if (namespaces_[ns]++ == 0) call("POST", "/api/v1/namespaces", object.dump(), "application/json");
  }

  void strip(Json& object) {
    Json& meta = object["metadata"];
    for (const char* key : {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
                            "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"})
      meta.erase(key);
    if (!meta.contains("ownerReferences")) return;
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
  for (Json& object : objects)
    loader.load(std::move(object));
  while (server.step(now)) {
  }
  return std::move(loader).report();
}

}  // namespace stowage::sandbox
