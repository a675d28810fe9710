#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/documents.h"

namespace stowage::sandbox {
namespace {

constexpr std::string_view kVersion = "v1.37.2";

std::vector<std::string> groups_of(const Core& core) {
  std::vector<std::string> out;
  for (const ResourcePtr& r : core.registry.all()) {
    if (std::find(out.begin(), out.end(), r->group) == out.end()) out.push_back(r->group);
  }
  return out;
}

std::vector<std::string> versions_of(const Core& core, std::string_view group) {
  std::vector<std::string> out;
  for (const ResourcePtr& r : core.registry.all()) {
    if (r->group == group && std::find(out.begin(), out.end(), r->version) == out.end())
      out.push_back(r->version);
  }
  return out;
}

Json version_entry(const std::string& group, const std::string& version) {
  return {{"groupVersion", group + "/" + version}, {"version", version}};
}

Json group_document(const Core& core, const std::string& group) {
  Json versions = Json::array();
  for (const std::string& version : versions_of(core, group))
    versions.push_back(version_entry(group, version));
  Json preferred = versions.at(0);
  return {{"name", group}, {"versions", std::move(versions)}, {"preferredVersion", std::move(preferred)}};
}

Json resource_list(const Core& core, std::string_view group, std::string_view version) {
  Json resources = Json::array();
  for (const ResourcePtr& r : core.registry.all()) {
    if (r->group != group || r->version != version) continue;
    Json entry = {{"name", r->plural},
                  {"singularName", r->singular},
                  {"namespaced", r->namespaced},
                  {"kind", r->kind},
                  {"verbs", r->verbs}};
    if (!r->short_names.empty()) entry["shortNames"] = r->short_names;
    if (!r->categories.empty()) entry["categories"] = r->categories;
    resources.push_back(std::move(entry));
    for (const Subresource& sub : r->subresources) {
      Json child = {{"name", r->plural + "/" + sub.name},
                    {"singularName", ""},
                    {"namespaced", r->namespaced},
                    {"kind", sub.kind},
                    {"verbs", sub.verbs}};
      if (sub.group != r->group || sub.version != r->version) {
        child["group"] = sub.group;
        child["version"] = sub.version;
      }
      resources.push_back(std::move(child));
    }
  }
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", group.empty() ? std::string(version) : fmt::format("{}/{}", group, version)},
          {"resources", std::move(resources)}};
}

Json aggregated_resource(const Resource& r) {
  Json entry = {{"resource", r.plural},
                {"responseKind", {{"group", r.group}, {"version", r.version}, {"kind", r.kind}}},
                {"scope", r.namespaced ? "Namespaced" : "Cluster"},
                {"singularResource", r.singular},
                {"verbs", r.verbs}};
  if (!r.short_names.empty()) entry["shortNames"] = r.short_names;
  if (!r.categories.empty()) entry["categories"] = r.categories;
  for (const Subresource& sub : r.subresources) {
    entry["subresources"].push_back(
        {{"subresource", sub.name},
         {"responseKind", {{"group", sub.group}, {"version", sub.version}, {"kind", sub.kind}}},
         {"verbs", sub.verbs}});
  }
  return entry;
}

/// apidiscovery.k8s.io/v2 APIGroupDiscoveryList, of the core or of all other groups.
Json aggregated(const Core& core, bool legacy) {
  Json items = Json::array();
  for (const std::string& group : groups_of(core)) {
    if (group.empty() != legacy) continue;
    Json versions = Json::array();
    for (const std::string& version : versions_of(core, group)) {
      Json resources = Json::array();
      for (const ResourcePtr& r : core.registry.all()) {
        if (r->group == group && r->version == version) resources.push_back(aggregated_resource(*r));
      }
      versions.push_back(
          {{"version", version}, {"freshness", "Current"}, {"resources", std::move(resources)}});
    }
    Json metadata = {{"creationTimestamp", nullptr}};
    if (!group.empty()) metadata["name"] = group;
    items.push_back({{"metadata", std::move(metadata)}, {"versions", std::move(versions)}});
  }
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", "apidiscovery.k8s.io/v2"},
          {"metadata", Json::object()},
          {"items", std::move(items)}};
}

Response json_response(const Json& body) {
  Response response;
  response.body = dump(body) + "\n";
  return response;
}

/// kubectl asks for v2 first and for plain JSON last; the first that is served wins.
bool wants_aggregated(std::string_view accept) {
  return accept.find("g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList") != std::string_view::npos;
}

Response aggregated_response(const Core& core, bool legacy) {
  Response response = json_response(aggregated(core, legacy));
  response.content_type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  response.headers.emplace_back("Vary", "Accept");
  return response;
}

Json version_document() {
  return {{"major", "1"},    {"minor", "37"},       {"gitVersion", kVersion},
          {"gitCommit", ""}, {"gitTreeState", ""},  {"buildDate", "1970-01-01T00:00:00Z"},
          {"goVersion", ""}, {"compiler", "clang"}, {"platform", "linux/amd64"}};
}

Json core_versions() {
  return {{"kind", "APIVersions"},
          {"versions", {"v1"}},
          {"serverAddressByClientCIDRs",
           Json::array({{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", "127.0.0.1"}}})}};
}

Json group_list(const Core& core) {
  Json groups = Json::array();
  for (const std::string& group : groups_of(core)) {
    if (!group.empty()) groups.push_back(group_document(core, group));
  }
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

/// The older document names no type: clients that look there for one find that it is unknown, instead of
/// taking the server for broken. In protobuf when asked: swagger (1), info (2) with title and version, paths
/// (8).
Response openapi_v2(std::string_view accept) {
  if (accept.find("proto-openapi.spec.v2") == std::string_view::npos) {
    return json_response({{"swagger", "2.0"},
                          {"info", {{"title", "Kubernetes"}, {"version", kVersion}}},
                          {"paths", Json::object()},
                          {"definitions", Json::object()}});
  }
  Response response;
  response.content_type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
  const auto text = [](char tag, std::string_view value) {
    return std::string{tag, static_cast<char>(value.size())} + std::string(value);
  };
  response.body =
      text(0x0a, "2.0") + text(0x12, text(0x0a, "Kubernetes") + text(0x12, kVersion)) + text(0x42, "");
  return response;
}

bool has_group(const Core& core, std::string_view group) {
  return std::any_of(core.registry.all().begin(), core.registry.all().end(),
                     [&](const ResourcePtr& r) { return r->group == group; });
}

std::optional<Answer<Response>> serve_discovery(const Core& core, const Call& call,
                                                const std::vector<std::string>& path) {
  const bool legacy = path[0] == "api";
  if (path.size() == 1) {
    if (wants_aggregated(call.request.accept)) return aggregated_response(core, legacy);
    return json_response(legacy ? core_versions() : group_list(core));
  }
  const std::string group = legacy ? "" : path[1];
  if (!legacy && path.size() == 2) {
    if (!has_group(core, group)) return no_such_path();
    Json out = group_document(core, group);
    out["kind"] = "APIGroup";
    out["apiVersion"] = "v1";
    return json_response(out);
  }
  const std::string& version = legacy ? path[1] : path[2];
  if (path.size() == (legacy ? 2U : 3U)) {
    if (!core.registry.has_version(group, version)) return no_such_path();
    return json_response(resource_list(core, group, version));
  }
  return std::nullopt;
}

}  // namespace

std::optional<Answer<Response>> serve_document(const Core& core, const Call& call,
                                               const std::vector<std::string>& path) {
  const bool reading = call.request.method == "GET" || call.request.method == "HEAD";
  if (path.empty()) {  // whatever the method
    return json_response(
        {{"paths",
          {"/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"}}});
  }
  const std::string first = path.empty() ? "version" : path[0];
  const bool health = first == "healthz" || first == "livez" || first == "readyz";
  const bool known = health || first == "version" || first == "openapi" || first == "api" || first == "apis";
  if (!known) return std::nullopt;
  const bool resource_path = (first == "api" && path.size() > 2) || (first == "apis" && path.size() > 3);
  if (resource_path) return std::nullopt;
  if (!reading) return method_not_allowed("the server does not allow this method on the requested resource");
  if (health) {
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.body =
        call.query.has("verbose") ? "[+]ping ok\n[+]store ok\n" + first + " check passed\n" : "ok";
    return response;
  }
  if (first == "version" && path.size() == 1) return json_response(version_document());
  if (first == "api" || first == "apis") return serve_discovery(core, call, path);
  if (first == "openapi" && path.size() >= 2 && path[1] == "v3") {
    if (path.size() == 2) return json_response(openapi_index(core));
    std::optional<Json> document;
    if (path.size() == 4 && path[2] == "api") document = openapi_document(core, "", path[3]);
    if (path.size() == 5 && path[2] == "apis") document = openapi_document(core, path[3], path[4]);
    if (document) return json_response(*document);
  }
  if (first == "openapi" && path.size() == 2 && path[1] == "v2") return openapi_v2(call.request.accept);
  return no_such_path();
}

}  // namespace stowage::sandbox
