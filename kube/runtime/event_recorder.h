#pragma once

#include <memory>
#include <string>

#include "kube/client/client.h"
#include "kube/runtime/environment.h"
#include "kube/runtime/task_scope.h"

namespace stowage::kube {

/// What an event is about.
struct EventTarget {
  std::string api_version;
  std::string kind;
  std::string ns;
  std::string name;
  std::string uid;
};

/// Writes core/v1 Events in the background, aggregated by (target, reason, message) with a count,
/// rate-limited, never blocking and never failing its caller.
class EventRecorder {
 public:
  EventRecorder(Environment env, Client& client, std::string component);
  ~EventRecorder();
  void start(TaskScope& scope);
  /// `type` is Normal or Warning; `reason` is a CamelCase word; `message` is cut at 1,024 bytes.
  void record(EventTarget target, std::string type, std::string reason, std::string message);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stowage::kube
