#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sandbox/apiserver/server.h"

namespace stowage::sandbox {

/// A client of a Server under a clock that the test moves.
struct Api {
  Server server;
  WallTime now = WallTime(std::chrono::seconds(1'700'000'000));

  Api() { server.bootstrap(now); }

  struct Answer {
    int status;
    nlohmann::json body;
    std::vector<std::pair<std::string, std::string>> headers;
    [[nodiscard]] std::string reason() const { return body.value("reason", ""); }
    [[nodiscard]] std::string message() const { return body.value("message", ""); }
  };

  Response raw(const std::string& method, const std::string& target, const std::string& body = "",
               const std::string& type = "application/json", const std::string& accept = "application/json") {
    Request request{.method = method,
                    .path = target.substr(0, target.find('?')),
                    .accept = accept,
                    .content_type = type,
                    .user_agent = "test/1",
                    .body = body};
    if (const size_t mark = target.find('?'); mark != std::string::npos)
      request.query = target.substr(mark + 1);
    return server.handle(request, now);
  }
  Answer call(const std::string& method, const std::string& target, const nlohmann::json& body = nullptr,
              const std::string& type = "application/json") {
    Response r = raw(method, target, body.is_null() ? "" : body.dump(), type);
    return {r.status, nlohmann::json::parse(r.body, nullptr, false), r.headers};
  }
  Answer get(const std::string& target) { return call("GET", target); }
  Answer post(const std::string& target, const nlohmann::json& body) { return call("POST", target, body); }
  Answer put(const std::string& target, const nlohmann::json& body) { return call("PUT", target, body); }
  Answer remove(const std::string& target, const nlohmann::json& options = nullptr) {
    return call("DELETE", target, options);
  }
  Answer merge(const std::string& target, const nlohmann::json& patch) {
    return call("PATCH", target, patch, "application/merge-patch+json");
  }
  Answer strategic(const std::string& target, const nlohmann::json& patch) {
    return call("PATCH", target, patch, "application/strategic-merge-patch+json");
  }
  Answer json_patch(const std::string& target, const nlohmann::json& patch) {
    return call("PATCH", target, patch, "application/json-patch+json");
  }
  Answer apply(const std::string& target, const nlohmann::json& object, const std::string& manager,
               bool force = false) {
    return call("PATCH", target + "?fieldManager=" + manager + (force ? "&force=true" : ""), object,
                "application/apply-patch+yaml");
  }
  std::unique_ptr<Watch> watch(const std::string& target) { return raw("GET", target).watch; }
  /// Runs the control loops until nothing changes.
  void settle() {
    while (server.step(now)) {
    }
  }
};

inline nlohmann::json config_map(const std::string& name,
                                 const nlohmann::json& data = nlohmann::json::object()) {
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}}}, {"data", data}};
}

inline nlohmann::json pod(const std::string& name) {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"labels", {{"app", name}}}}},
          {"spec", {{"containers", {{{"name", "main"}, {"image", "engine:1"}}}}}}};
}

/// One frame of a watch, parsed; null when there is none.
inline nlohmann::json frame(Watch& watch) {
  const auto text = watch.next();
  return text ? nlohmann::json::parse(*text) : nlohmann::json();
}

}  // namespace stowage::sandbox
