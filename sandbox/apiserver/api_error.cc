#include "sandbox/apiserver/api_error.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sandbox/apiserver/go_text.h"

namespace stowage::sandbox {
namespace {

using Json = nlohmann::json;

Refusal make(int code, std::string_view reason, const Subject& s, std::string message) {
  ApiError error;
  error.code = code;
  error.reason = reason;
  error.message = std::move(message);
  error.name = s.name;
  error.group = s.group;
  error.kind = s.resource;
  return Refusal(std::move(error));
}

}  // namespace

std::string qualified_resource(std::string_view resource, std::string_view group) {
  return group.empty() ? std::string(resource) : fmt::format("{}.{}", resource, group);
}

std::string ApiError::to_status_json() const {
  Json details = Json::object();
  const auto put = [&](const char* key, const std::string& value) {
    if (!value.empty()) details[key] = value;
  };
  put("name", name);
  put("group", group);
  put("kind", kind);
  put("uid", uid);
  if (retry_after_seconds > 0) details["retryAfterSeconds"] = retry_after_seconds;
  for (const Cause& cause : causes) {
    Json item = Json::object();
    if (!cause.reason.empty()) item["reason"] = cause.reason;
    if (!cause.message.empty()) item["message"] = cause.message;
    if (!cause.field.empty()) item["field"] = cause.field;
    details["causes"].push_back(std::move(item));
  }
  Json status = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
                 {"status", "Failure"}, {"message", message}, {"code", code}};
  if (!reason.empty()) status["reason"] = reason;
  if (!details.empty()) status["details"] = std::move(details);
  return status.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Refusal bad_request(std::string message) {
  return make(400, "BadRequest", {}, std::move(message));
}

Refusal not_found(const Subject& s) {
  return make(404, "NotFound", s,
              fmt::format("{} {} not found", qualified_resource(s.resource, s.group), go_quote(s.name)));
}

Refusal already_exists(const Subject& s) {
  return make(409, "AlreadyExists", s,
              fmt::format("{} {} already exists", qualified_resource(s.resource, s.group), go_quote(s.name)));
}

Refusal conflict(const Subject& s, std::string_view why) {
  return make(409, "Conflict", s,
              fmt::format("Operation cannot be fulfilled on {} {}: {}",
                          qualified_resource(s.resource, s.group), go_quote(s.name), why));
}

Refusal stale_object(const Subject& s) {
  return conflict(
      s, "the object has been modified; please apply your changes to the latest version and try again");
}

Refusal invalid(const Subject& s, std::vector<Cause> causes) {
  std::string list;
  for (const Cause& cause : causes) {
    if (!list.empty()) list += ", ";
    // A cause without a field speaks for the object as a whole, as CEL rules at the root do.
    list += cause.field.empty() ? cause.message : cause.field + ": " + cause.message;
  }
  if (causes.size() > 1) list = "[" + list + "]";
  auto refusal =
      make(422, "Invalid", s,
           fmt::format("{} {} is invalid: {}", qualified_resource(s.kind, s.group), go_quote(s.name), list));
  refusal.error().kind = s.kind;
  refusal.error().causes = std::move(causes);
  return refusal;
}

Refusal forbidden(const Subject& s, std::string_view why) {
  return make(
      403, "Forbidden", s,
      fmt::format("{} {} is forbidden: {}", qualified_resource(s.resource, s.group), go_quote(s.name), why));
}

Refusal method_not_allowed(std::string_view message) {
  return make(405, "MethodNotAllowed", {}, std::string(message));
}

Refusal expired(std::string message) {
  return make(410, "Expired", {}, std::move(message));
}

Refusal unsupported_media_type() {
  return make(415, "UnsupportedMediaType", {},
              "the body of the request was in an unknown format - accepted media types include: "
              "application/json, application/yaml, application/vnd.kubernetes.protobuf");
}

Refusal not_acceptable() {
  return make(
      406, "NotAcceptable", {},
      "only the following media types are accepted: application/json, application/yaml (the sandbox writes "
      "nothing else)");
}

Refusal no_such_path() {
  return make(404, "NotFound", {}, "the server could not find the requested resource");
}

Refusal too_large(size_t limit_bytes) {
  return make(413, "RequestEntityTooLarge", {},
              fmt::format("Request entity too large: limit is {}", limit_bytes));
}

Refusal server_error(std::string message) {
  return make(500, "", {}, std::move(message));
}

Refusal internal_error(std::string_view why) {
  return make(500, "InternalError", {}, fmt::format("Internal error occurred: {}", why));
}

Refusal too_many_requests(std::string message, int retry_after_seconds, std::vector<Cause> causes) {
  auto refusal = make(429, "TooManyRequests", {}, std::move(message));
  refusal.error().retry_after_seconds = retry_after_seconds;
  refusal.error().causes = std::move(causes);
  return refusal;
}

}  // namespace stowage::sandbox
