#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/parsed.h"
#include "sandbox/apiserver/pod_contents.h"

namespace stowage::sandbox {
namespace {

std::vector<std::string> container_names(const Json& pod) {
  std::vector<std::string> out;
  for (const char* list : {"initContainers", "containers"}) {
    const Json* containers = find_path(pod, {"spec", list});
    for (size_t i = 0; containers != nullptr && i < containers->size(); ++i)
      out.push_back(string_at((*containers)[i], {"name"}));
  }
  return out;
}

/// The container that the request means: the one it names, or the only one.
Answer<std::string> chosen_container(const Call& call, const Json& pod) {
  const std::vector<std::string> names = container_names(pod);
  std::string wanted(call.query.get("container"));
  if (wanted.empty()) {
    if (names.size() == 1) return names.front();
    std::string choice;
    for (const std::string& name : names)
      choice += (choice.empty() ? "" : " ") + name;
    return bad_request(
        fmt::format("a container name must be specified for pod {}, choose one of: [{}]", call.name, choice));
  }
  if (std::find(names.begin(), names.end(), wanted) == names.end())
    return bad_request(fmt::format("container {} is not valid for pod {}", wanted, call.name));
  return wanted;
}

/// Why the container has not begun to write, or empty when it has.
std::string waiting_reason(const Json& pod, const std::string& container) {
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    const Json* statuses = find_path(pod, {"status", list});
    for (size_t i = 0; statuses != nullptr && i < statuses->size(); ++i) {
      const Json& status = (*statuses)[i];
      if (string_at(status, {"name"}) != container) continue;
      if (find_path(status, {"state", "running"}) != nullptr ||
          find_path(status, {"state", "terminated"}) != nullptr) {
        return {};
      }
      const std::string reason = string_at(status, {"state", "waiting", "reason"});
      return reason.empty() ? "ContainerCreating" : reason;
    }
  }
  return "ContainerCreating";
}

struct LogOptions {
  std::optional<int64_t> tail, limit_bytes;
  std::optional<WallTime> since;
  bool timestamps = false;
};

Answer<LogOptions> read_log_options(const Call& call) {
  LogOptions out;
  std::vector<Cause> causes;
  const auto number = [&](const char* name, int64_t least) -> std::optional<int64_t> {
    const std::string_view text = call.query.get(name);
    if (text.empty()) return std::nullopt;
    int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = failure == std::errc() && end == text.data() + text.size();
    if (!whole || value < least) {
      causes.push_back({"FieldValueInvalid",
                        fmt::format("Invalid value: {}: must be greater than {}{}",
                                    whole ? std::string(text) : fmt::format("\"{}\"", text),
                                    least == 0 ? "or equal to " : "", 0),
                        name});
      return std::nullopt;
    }
    return value;
  };
  out.tail = number("tailLines", 0);
  out.limit_bytes = number("limitBytes", 1);
  if (const auto seconds = number("sinceSeconds", 1)) out.since = call.now - std::chrono::seconds(*seconds);
  if (const std::string_view text = call.query.get("sinceTime"); !text.empty()) {
    const auto time = parse_rfc3339(text);
    if (!time) return bad_request(fmt::format("parsing time \"{}\" as RFC 3339 failed", text));
    if (call.query.has("sinceSeconds")) {
      causes.push_back({"FieldValueForbidden",
                        "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified", "<nil>"});
    }
    out.since = *time;
  }
  out.timestamps = call.query.flag("timestamps");
  if (!causes.empty()) return invalid({"", "", "PodLogOptions", call.name}, std::move(causes));
  return out;
}

std::string log_text(const std::vector<LogLine>& lines, const LogOptions& options) {
  size_t first = 0;
  while (options.since && first < lines.size() && lines[first].time < *options.since)
    ++first;
  if (options.tail) {
    const size_t most = static_cast<size_t>(*options.tail);
    first = std::max(first, lines.size() - std::min(lines.size(), most));
  }
  std::string out;
  for (size_t i = first; i < lines.size(); ++i) {
    if (options.timestamps) out += format_rfc3339_micro(lines[i].time) + " ";
    out += lines[i].text;
    out += '\n';
  }
  if (options.limit_bytes) out.resize(std::min(out.size(), static_cast<size_t>(*options.limit_bytes)));
  return out;
}

Answer<Response> read_log(Core& core, Call& call, const Json& pod) {
  auto container = chosen_container(call, pod);
  if (!container) return std::unexpected(std::move(container).error());
  const auto options = read_log_options(call);
  if (!options) return std::unexpected(options.error());
  Response response;
  response.content_type = "text/plain";
  if (string_at(pod, {"spec", "nodeName"}).empty()) return response;
  if (call.query.flag("previous")) {
    return bad_request(
        fmt::format("previous terminated container \"{}\" in pod \"{}\" not found", *container, call.name));
  }
  if (const std::string reason = waiting_reason(pod, *container); !reason.empty()) {
    return bad_request(
        fmt::format("container \"{}\" in pod \"{}\" is waiting to start: {}", *container, call.name, reason));
  }
  std::vector<LogLine> lines = {
      {call.now,
       fmt::format("[sandbox] {}/{} is a simulated pod; there is no process behind it", call.ns, call.name)}};
  if (core.contents != nullptr) lines = core.contents->log(pod, *container, call.now);
  response.body = log_text(lines, *options);
  return response;
}

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
