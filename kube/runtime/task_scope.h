#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "kube/runtime/environment.h"

namespace stowage::kube {

/// Owns the coroutines that are spawned in it: they are cancelled together and joined, never detached.
class TaskScope {
 public:
  explicit TaskScope(Environment env);
  /// Cancels what still runs; it ends by itself on the executor. Join first where the tasks use objects that
  /// die with the caller.
  ~TaskScope();
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  /// Starts `task` on the environment's executor. After cancel() it is dropped unstarted.
  /// A task that ends with an exception other than cancellation ends the process: it is a bug.
  void spawn(std::string name, boost::asio::awaitable<void> task);
  /// The same for a task that can be asked to finish what it has begun: `stop` makes it end by itself soon
  /// (a work queue's shut_down). Called at most once, by drain().
  void spawn_worker(std::string name, boost::asio::awaitable<void> task, std::function<void()> stop);
  /// Calls every worker's `stop` and returns when all workers have ended: true; or false after `limit`.
  /// Other tasks go on.
  boost::asio::awaitable<bool> drain(Millis limit);
  /// Asks every running task to end (Asio cancellation, terminal). Returns at once.
  void cancel();
  /// Returns when the last task has ended.
  boost::asio::awaitable<void> join();
  [[nodiscard]] size_t running() const;
  [[nodiscard]] bool cancelled() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace stowage::kube
