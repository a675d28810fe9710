#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace stowage::sandbox {

/// What a process inside a pod answers to an HTTP request.
struct PodAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

struct LogLine {
  WallTime time;
  std::string text;
};

/// What runs inside simulated pods, for the subresources log and proxy. Implemented by the world; the API
/// server checks first that pod and container exist. Must not call the server's writing verbs.
class PodContents {
 public:
  virtual ~PodContents() = default;
  /// Lines that the container has written until `now`, oldest first. `pod` is the stored object.
  virtual std::vector<LogLine> log(const nlohmann::json& pod, const std::string& container, WallTime now) = 0;
  /// Answers GET `path` ("/metrics") on a port that the pod declares; nothing when no process listens there.
  virtual std::optional<PodAnswer> get(const nlohmann::json& pod, std::string_view path, WallTime now) = 0;
};

}  // namespace stowage::sandbox
