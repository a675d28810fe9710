#include "kube/core/status_error.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

#include "kube/core/json_scan.h"

namespace stowage::kube {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

/// A server that asks for more than this is not obeyed to the letter: nobody is helped by a sleeping client.
constexpr std::chrono::seconds kLongestRetryAfter = 1h;
constexpr size_t kQuotedBytes = 300;

Code code_from_http(int status) {
  switch (status) {
    case 401:
      return Code::kUnauthorized;
    case 403:
      return Code::kForbidden;
    case 404:
      return Code::kNotFound;
    case 405:
    case 406:
    case 415:
    case 501:
      return Code::kUnsupported;
    case 409:
      return Code::kConflict;
    case 410:
      return Code::kExpired;
    case 429:
      return Code::kTooManyRequests;
    case 408:
    case 504:
      return Code::kTimeout;
    default:
      if (status >= 500) return Code::kUnavailable;
      return status >= 400 ? Code::kInvalidArgument : Code::kInternal;
  }
}

/// Reasons that say more than the HTTP status (apimachinery, meta/v1 StatusReason).
std::optional<Code> code_from_reason(std::string_view reason) {
  if (reason == "AlreadyExists") return Code::kAlreadyExists;
  if (reason == "Expired" || reason == "Gone") return Code::kExpired;
  return std::nullopt;
}

std::optional<Millis> seconds_to_wait(long long seconds) {
  if (seconds < 0) return std::nullopt;
  return std::min<std::chrono::seconds>(std::chrono::seconds(seconds), kLongestRetryAfter);
}

std::string string_at(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

void read_details(const json& status, Error& error) {
  const auto details = status.find("details");
  if (details == status.end() || !details->is_object()) return;
  const auto wait = details->find("retryAfterSeconds");
  if (wait != details->end() && wait->is_number_integer() && !error.retry_after &&
      wait->get<long long>() > 0) {
    error.retry_after = seconds_to_wait(wait->get<long long>());
  }
  const auto causes = details->find("causes");
  if (causes == details->end() || !causes->is_array()) return;
  for (const json& cause : *causes) {
    if (cause.is_object() && string_at(cause, "reason") == "ResourceVersionTooLarge")
      error.code = Code::kExpired;
  }
}

/// Fills `error` from a Status; false when `body` is none.
bool read_status(std::string_view body, Error& error) {
  if (!check_json_depth(body)) return false;
  const json status = json::parse(body, nullptr, false);
  if (!status.is_object() || string_at(status, "kind") != "Status") return false;
  const auto code = status.find("code");
  if (error.http_status == 0 && code != status.end() && code->is_number_integer()) {
    const auto value = code->get<long long>();
    if (value >= 100 && value <= 599) error.http_status = static_cast<int>(value);
  }
  error.code = code_from_reason(string_at(status, "reason")).value_or(code_from_http(error.http_status));
  error.message = string_at(status, "message");
  if (error.message.empty()) error.message = string_at(status, "reason");
  read_details(status, error);
  return true;
}

std::string quoted(std::string_view body) {
  std::string out(body.substr(0, kQuotedBytes));
  std::ranges::replace_if(out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  if (body.size() > kQuotedBytes) out.append("...");
  return out;
}

}  // namespace

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  const auto it =
      std::ranges::find(headers, name, [](const auto& header) { return std::string_view(header.first); });
  if (it == headers.end()) return std::nullopt;
  return it->second;
}

Error error_from_response(int status, const Headers& headers, std::string_view body) {
  Error error{.code = code_from_http(status), .http_status = status};
  if (const auto header = find_header(headers, "retry-after")) {
    long long seconds = 0;
    const auto [end, problem] = std::from_chars(header->data(), header->data() + header->size(), seconds);
    // The other form, a date, is never sent by an API server; it is left to the caller's own back-off.
    if (problem == std::errc() && end == header->data() + header->size()) {
      error.retry_after = seconds_to_wait(seconds);
    }
  }
  if (read_status(body, error)) {
    if (error.message.empty()) error.message = "the server answered " + std::to_string(status);
    return error;
  }
  error.message = "the server answered " + std::to_string(status);
  if (!body.empty()) error.message.append(": ").append(quoted(body));
  return error;
}

Error error_from_status(std::string_view status_json) {
  Error error;
  if (!read_status(status_json, error)) {
    error.code = Code::kMalformed;
    error.message = "not a Status object: " + quoted(status_json);
  }
  if (error.message.empty()) error.message = "the server told of a failure without a reason";
  return error;
}

}  // namespace stowage::kube
