#include <nlohmann/json.hpp>

#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/parsed.h"

namespace stowage::sandbox {
namespace {

void create(Core& core, const ResourcePtr& resource, std::string_view ns, Json object, WallTime now) {
  const Request request{.method = "POST"};
  Call call{.request = request,
            .query = Query(""),
            .now = now,
            .resource = resource,
            .ns = std::string(ns),
            .manager = "kube-apiserver"};
  object["apiVersion"] = resource->api_version();
  object["kind"] = resource->kind;
  (void)create_object(core, call, std::move(object));  // AlreadyExists is as good
}

}  // namespace

void create_default_account(Core& core, std::string_view ns, WallTime now) {
  create(core, core.builtin("", "serviceaccounts"), ns, {{"metadata", {{"name", "default"}}}}, now);
}

void Server::bootstrap(WallTime now) {
  Core& core = *core_;
  for (const char* name : {"default", "kube-node-lease", "kube-public", "kube-system"}) {
    create(core, core.builtin("", "namespaces"), "", {{"metadata", {{"name", name}}}}, now);
  }
  create(core, core.builtin("", "services"), "default",
         {{"metadata",
           {{"name", "kubernetes"}, {"labels", {{"component", "apiserver"}, {"provider", "kubernetes"}}}}},
          {"spec",
           {{"clusterIP", "10.0.0.1"},
            {"ports", Json::array({{{"name", "https"}, {"port", 443}, {"targetPort", 6443}}})}}}},
         now);
  const auto create_class = [&](const char* name, int64_t value, const char* description) {
    create(core, core.builtin("scheduling.k8s.io", "priorityclasses"), "",
           {{"metadata", {{"name", name}}}, {"value", value}, {"description", description}}, now);
  };
  create_class(
      "system-cluster-critical", 2'000'000'000,
      "Used for system critical pods that must run in the cluster, but can be moved to another node if "
      "necessary.");
  create_class("system-node-critical", 2'000'001'000,
               "Used for system critical pods that must not be moved from their current node.");
  while (step(now)) {
  }
}

}  // namespace stowage::sandbox
