#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/parsed.h"
#include "sandbox/apiserver/pod_contents.h"
#include "sandbox/apiserver/pod_log.h"

namespace stowage::sandbox {
namespace {

/// "[scheme:]name[:port]" of a proxy's path.
struct Target {
  std::string name, port;
};

Target target_of(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ':') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.size() == 1) return {parts[0], ""};
  return parts.size() == 2 ? Target{parts[0], parts[1]} : Target{parts[1], parts[2]};
}

std::vector<std::string> listening_ports(const Json& pod) {
  std::vector<std::string> out;
  const Json* containers = find_path(pod, {"spec", "containers"});
  for (size_t i = 0; containers != nullptr && i < containers->size(); ++i) {
    const Json* ports = find((*containers)[i], "ports");
    for (size_t k = 0; ports != nullptr && k < ports->size(); ++k) {
      if (const Json* port = find((*ports)[k], "containerPort")) out.push_back(dump(*port));
    }
  }
  return out;
}

Answer<Response> proxy(Core& core, Call& call, const Json& pod, std::string port) {
  if (call.request.method != "GET") return method_not_allowed("the sandbox's pods answer GET requests only");
  const std::string address = string_at(pod, {"status", "podIP"});
  if (address.empty()) return bad_request("address not allowed");
  const std::vector<std::string> ports = listening_ports(pod);
  if (port.empty()) port = ports.empty() ? "80" : ports.front();
  const std::string path = call.subresource.substr(std::string_view("proxy").size());
  std::optional<PodAnswer> answer;
  if (std::find(ports.begin(), ports.end(), port) != ports.end() &&
      string_at(pod, {"status", "phase"}) == "Running" && core.contents != nullptr) {
    answer = core.contents->get(pod, path.empty() ? "/" : path, call.now);
  }
  if (!answer) {
    ApiError error;
    error.code = 503;
    error.reason = "ServiceUnavailable";
    error.message = fmt::format("error trying to reach service: dial tcp {}:{}: connect: connection refused",
                                address, port);
    return Refusal(std::move(error));
  }
  Response response;
  response.status = answer->status;
  response.content_type = std::move(answer->content_type);
  response.body = std::move(answer->body);
  return response;
}

}  // namespace

Answer<Response> reach_into_pod(Core& core, Call& call) {
  const std::string door = call.subresource.substr(0, call.subresource.find('/'));
  if (door != "log" && door != "proxy") {
    ApiError error;
    error.code = 501;
    error.reason = "NotImplemented";
    error.message = fmt::format("the sandbox simulates pods: there is no container to {} into",
                                door == "ephemeralcontainers" ? "debug" : door);
    return Refusal(std::move(error));
  }
  std::string port;
  if (door == "proxy") {
    Target target = target_of(call.name);
    call.name = std::move(target.name);
    port = std::move(target.port);
  }
  const Resource& resource = *call.resource;
  const ObjectPtr object = resource.collection->get(resource.key(call.ns, call.name));
  if (object == nullptr) return not_found(call.subject());
  const Json pod = read_object(resource, *object);
  if (door == "proxy") return proxy(core, call, pod, std::move(port));
  if (call.request.method != "GET")
    return method_not_allowed("the server does not allow this method on the requested resource");
  return read_log(core, call, pod);
}

}  // namespace stowage::sandbox
