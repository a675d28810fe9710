#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "kube/runtime/environment.h"

namespace stowage::kube {

/// Owns the coroutines that are spawned in it: they are cancelled together and joined, never detached.
class TaskScope {
 public:
  explicit TaskScope(Environment env);
  ~TaskScope();
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  /// Starts `task` on the environment's executor. After cancel() it is dropped unstarted.
  /// A task that ends with an exception other than cancellation ends the process: it is a bug.
  void spawn(std::string name, boost::asio::awaitable<void> task);
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
