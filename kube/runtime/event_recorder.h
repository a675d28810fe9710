#pragma once

#include <boost/asio/awaitable.hpp>
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
  std::string ns;  ///< Empty for cluster-scoped objects: their events go to namespace "default".
  std::string name;
  std::string uid;
};

/// Writes core/v1 Events in the background, aggregated by (target, reason, message) with a count, never
/// blocking and never failing its caller.
///
/// Bounds: 10,000 events wait at most, further ones are dropped and counted
/// (`stowage_events_dropped_total`); one target may have 25 events in a burst and one more every 300 s, as in
/// client-go's spam filter. Two writers send up to 8 together, and rest after 8 for three times as long as
/// the answers took (half a second at most), unless more than 5,000 events wait or one of `flush` and the end
/// of the scope is waited for. An event that the server does not take now (429, 5xx, no answer) is tried four
/// times in all, never before its Retry-After, and holds the others up only when four in a row were not
/// taken; asked to wait longer than 5 minutes, it is dropped. At the end of the scope each is tried once
/// more, at once.
class EventRecorder {
 public:
  EventRecorder(Environment env, Client& client, std::string component);
  ~EventRecorder();
  void start(TaskScope& scope);
  /// `type` is Normal or Warning; `reason` is a CamelCase word; `message` is cut at 1,024 bytes.
  void record(EventTarget target, std::string type, std::string reason, std::string message);
  /// Returns when everything recorded so far was written or given up: true; or false after `limit`.
  boost::asio::awaitable<bool> flush(Millis limit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stowage::kube
