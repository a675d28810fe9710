#include "sandbox/apiserver/pod_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

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

void append_line(std::string& out, const LogLine& line, const LogOptions& options) {
  if (options.timestamps) out += format_rfc3339_micro(line.time) + " ";
  out += line.text;
  out += '\n';
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
  for (size_t i = first; i < lines.size(); ++i)
    append_line(out, lines[i], options);
  if (options.limit_bytes) out.resize(std::min(out.size(), static_cast<size_t>(*options.limit_bytes)));
  return out;
}

std::vector<LogLine> lines_of(const Core& core, const Json& pod, const std::string& container, WallTime now) {
  if (core.contents != nullptr) return core.contents->log(pod, container, now);
  const auto created = parse_rfc3339(string_at(pod, {"metadata", "creationTimestamp"}));
  return {{created.value_or(now),
           fmt::format("[sandbox] {}/{} is a simulated pod; there is no process behind it",
                       string_at(pod, {"metadata", "namespace"}), string_at(pod, {"metadata", "name"}))}};
}

bool terminated(const Json& pod, const std::string& container) {
  const Json* statuses = find_path(pod, {"status", "containerStatuses"});
  for (size_t i = 0; statuses != nullptr && i < statuses->size(); ++i) {
    if (string_at((*statuses)[i], {"name"}) == container)
      return find_path((*statuses)[i], {"state", "terminated"}) != nullptr;
  }
  return false;
}

/// The lines that a listing has and the one before had not, until the container ends or the pod is gone.
class FollowedLog final : public TextStream {
 public:
  FollowedLog(const Core& core, const Call& call, const Json& pod, std::string container, LogOptions options,
              const std::vector<LogLine>& sent, size_t sent_bytes)
      : core_(core),
        resource_(call.resource),
        key_(call.resource->key(call.ns, call.name)),
        uid_(string_at(pod, {"metadata", "uid"})),
        container_(std::move(container)),
        options_(options),
        bytes_(sent_bytes) {
    remember(sent);
  }

  std::string next(WallTime now) override {
    const ObjectPtr object = resource_->collection->get(key_);
    ended_ = ended_ || object == nullptr || object->uid != uid_;
    if (ended_) return {};
    const Json pod = read_object(*resource_, *object);
    const std::vector<LogLine> lines = lines_of(core_, pod, container_, now);
    std::string out;
    for (const LogLine& line : lines) {
      if (!seen_.contains({line.time, line.text})) append_line(out, line, options_);
    }
    remember(lines);
    ended_ = terminated(pod, container_);
    const auto most = options_.limit_bytes ? static_cast<size_t>(*options_.limit_bytes) : SIZE_MAX;
    if (out.size() >= most - std::min(most, bytes_)) {
      out.resize(most - std::min(most, bytes_));
      ended_ = true;
    }
    bytes_ += out.size();
    return out;
  }

  [[nodiscard]] bool ended() const override { return ended_; }

 private:
  void remember(const std::vector<LogLine>& lines) {
    seen_.clear();
    for (const LogLine& line : lines)
      seen_.emplace(line.time, line.text);
  }

  const Core& core_;
  ResourcePtr resource_;
  std::string key_, uid_, container_;
  LogOptions options_;
  std::set<std::pair<WallTime, std::string>> seen_;
  size_t bytes_;
  bool ended_ = false;
};

}  // namespace

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
  const std::vector<LogLine> lines = lines_of(core, pod, *container, call.now);
  response.body = log_text(lines, *options);
  if (call.query.flag("follow"))
    response.stream =
        std::make_unique<FollowedLog>(core, call, pod, *container, *options, lines, response.body.size());
  return response;
}

}  // namespace stowage::sandbox
