#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "base/result.h"
#include "kube/runtime/environment.h"
#include "kube/runtime/task_scope.h"
#include "kube/runtime/work_queue.h"

namespace stowage::kube {

/// What a reconcile asks for next (after kube-rs). An Error instead means: again, with back-off.
struct Action {
  Millis after{0};  ///< 0 = nothing until something changes.
  static Action await_change() { return {}; }
  static Action requeue_after(Millis wait) { return {.after = wait}; }
};

using Reconcile = std::function<boost::asio::awaitable<Result<Action>>(std::string key)>;

/// Workers that take keys from a queue and reconcile them, level-triggered.
class Controller {
 public:
  Controller(Environment env, std::string name, Reconcile reconcile);

  [[nodiscard]] WorkQueue& queue() { return queue_; }
  /// Starts `workers` coroutines; they end when the scope is cancelled, or after the key in hand when it is
  /// drained. Keys that fail come again with back-off, or after the server's Retry-After.
  void start(TaskScope& scope, int workers);

 private:
  boost::asio::awaitable<void> work();
  void settle_error(const std::string& key, const Error& error);

  Environment env_;
  std::string name_;
  Reconcile reconcile_;
  WorkQueue queue_;
};

}  // namespace stowage::kube
