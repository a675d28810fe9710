#include "kube/client/client.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "kube/core/patch.h"
#include "kube/core/status_error.h"
#include "kube/core/url.h"

namespace stowage::kube {
namespace {

using nlohmann::json;

const Resource kPods{.group = "", .version = "v1", .plural = "pods", .kind = "Pod"};

/// Longest error body that is read from a refused stream.
constexpr size_t kErrorBodyBytes = 64 * 1024;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

HttpRequest with_body(Method method, std::string target, std::string body, std::string_view type) {
  HttpRequest request{.method = method, .target = std::move(target)};
  request.headers.emplace_back("content-type", type);
  request.body = std::move(body);
  return request;
}

std::string patch_target(const Resource& resource, std::string_view ns, std::string_view name,
                         std::string_view subresource, const PatchOptions& options) {
  Query query;
  query.add("fieldManager", options.field_manager);
  if (options.force) query.add("force", "true");
  if (options.dry_run) query.add("dryRun", "All");
  return with_query(resource.path(ns, name, subresource), query.str());
}

json delete_options(const DeleteOptions& options) {
  json body = {{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) body["preconditions"]["resourceVersion"] = options.resource_version;
  if (options.grace_seconds) body["gracePeriodSeconds"] = *options.grace_seconds;
  if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
  return body;
}

// An API server answers a write with an object. A proxy's page with status 200 says nothing: the write may or
// may not have happened.
Result<void> check_write(const HttpResponse& response) {
  const size_t first = response.body.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && response.body[first] == '{') return {};
  return fail(Code::kUnavailable, "the answer to a write is not a JSON object: is there a proxy in between?");
}

}  // namespace

Client::Client(Transport& transport, std::string user_agent)
    : transport_(transport), user_agent_(std::move(user_agent)) {}

Async<std::string> Client::exchange(HttpRequest request) {
  const bool write = request.method != Method::kGet;
  request.headers.emplace_back("accept", "application/json");
  request.headers.emplace_back("user-agent", user_agent_);
  auto response = co_await transport_.call(std::move(request));
  if (!response) co_return std::unexpected(std::move(response).error());
  if (response->status >= 400) {
    co_return std::unexpected(error_from_response(response->status, response->headers, response->body));
  }
  if (write) CO_TRY_VOID(check_write(*response));
  co_return std::move(response->body);
}

Async<std::string> Client::get(const Resource& resource, std::string ns, std::string name) {
  HttpRequest request{.target = resource.path(ns, name)};
  co_return co_await exchange(std::move(request));
}

Async<std::string> Client::list(const Resource& resource, std::string ns, std::string query) {
  HttpRequest request{.target = with_query(resource.path(ns), query)};
  co_return co_await exchange(std::move(request));
}

Async<std::string> Client::create(const Resource& resource, std::string ns, std::string body,
                                  std::string field_manager) {
  Query query;
  query.add("fieldManager", field_manager);
  HttpRequest request =
      with_body(Method::kPost, with_query(resource.path(ns), query.str()), std::move(body), kJsonType);
  co_return co_await exchange(std::move(request));
}

Async<std::string> Client::replace(const Resource& resource, std::string ns, std::string name,
                                   std::string body, std::string subresource) {
  HttpRequest request =
      with_body(Method::kPut, resource.path(ns, name, subresource), std::move(body), kJsonType);
  co_return co_await exchange(std::move(request));
}

Async<std::string> Client::apply(const Resource& resource, std::string ns, std::string name, std::string body,
                                 PatchOptions options, std::string subresource) {
  if (options.field_manager.empty()) {
    co_return fail(Code::kInvalidArgument, "apply needs a field manager");
  }
  HttpRequest request = with_body(Method::kPatch, patch_target(resource, ns, name, subresource, options),
                                  std::move(body), kApplyPatchType);
  co_return co_await exchange(std::move(request));
}

Async<std::string> Client::merge_patch(const Resource& resource, std::string ns, std::string name,
                                       std::string body, PatchOptions options, std::string subresource) {
  options.force = false;  // the API refuses it outside of apply
  HttpRequest request = with_body(Method::kPatch, patch_target(resource, ns, name, subresource, options),
                                  std::move(body), kMergePatchType);
  co_return co_await exchange(std::move(request));
}

Async<std::string> Client::strategic_patch(const Resource& resource, std::string ns, std::string name,
                                           std::string body, PatchOptions options, std::string subresource) {
  options.force = false;
  HttpRequest request = with_body(Method::kPatch, patch_target(resource, ns, name, subresource, options),
                                  std::move(body), kStrategicPatchType);
  co_return co_await exchange(std::move(request));
}

Async<void> Client::remove(const Resource& resource, std::string ns, std::string name,
                           DeleteOptions options) {
  HttpRequest request =
      with_body(Method::kDelete, resource.path(ns, name), dump(delete_options(options)), kJsonType);
  auto body = co_await exchange(std::move(request));
  if (!body) co_return std::unexpected(std::move(body).error());
  co_return Result<void>{};
}

Async<void> Client::bind(BindRequest binding) {
  // The UID in the binding's metadata makes the server refuse a pod of the same name that came later. Written
  // by hand because it is the busiest write of a scheduler.
  std::string body = R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":)" + json_quote(binding.pod);
  body.append(R"(,"namespace":)").append(json_quote(binding.ns));
  body.append(R"(,"uid":)").append(json_quote(binding.pod_uid));
  body.append(R"(},"target":{"apiVersion":"v1","kind":"Node","name":)").append(json_quote(binding.node));
  body.append("}}");
  HttpRequest request =
      with_body(Method::kPost, kPods.path(binding.ns, binding.pod, "binding"), std::move(body), kJsonType);
  auto answer = co_await exchange(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer).error());
  co_return Result<void>{};
}

Async<void> Client::evict(std::string ns, std::string pod, DeleteOptions options) {
  const json body = {{"apiVersion", "policy/v1"},
                     {"kind", "Eviction"},
                     {"metadata", {{"name", pod}, {"namespace", ns}}},
                     {"deleteOptions", delete_options(options)}};
  HttpRequest request = with_body(Method::kPost, kPods.path(ns, pod, "eviction"), dump(body), kJsonType);
  auto answer = co_await exchange(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer).error());
  co_return Result<void>{};
}

Async<std::string> Client::raw(HttpRequest request) {
  co_return co_await exchange(std::move(request));
}

Async<std::unique_ptr<BodyStream>> Client::open(HttpRequest request) {
  request.headers.emplace_back("accept", "application/json");
  request.headers.emplace_back("user-agent", user_agent_);
  auto stream = co_await transport_.open(std::move(request));
  if (!stream || (*stream)->status() < 400) co_return std::move(stream);
  std::string body;
  while (body.size() < kErrorBodyBytes) {
    auto chunk = co_await (*stream)->next();
    if (!chunk || !*chunk) break;  // what has arrived is enough for a message
    body += **chunk;
  }
  co_return std::unexpected(error_from_response((*stream)->status(), (*stream)->headers(), body));
}

}  // namespace stowage::kube
