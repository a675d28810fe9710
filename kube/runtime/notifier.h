#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "kube/runtime/environment.h"

namespace stowage::kube {

/// Wakes coroutines that wait for a change of state on the control thread. It carries no value: a waiter
/// looks at the state again after it was woken.
class Notifier {
 public:
  explicit Notifier(Environment env);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Returns after the next notify; throws operation_aborted when the coroutine is cancelled.
  boost::asio::awaitable<void> wait();
  /// The same with a deadline: true when notified, false when the deadline came first.
  boost::asio::awaitable<bool> wait_until(MonoTime deadline);
  /// Wakes the coroutine that has waited longest.
  void notify_one();
  void notify_all();

 private:
  /// The same as wait(); false instead of an exception.
  boost::asio::awaitable<bool> notified();

  struct State;
  Environment env_;
  std::shared_ptr<State> state_;
};

}  // namespace stowage::kube
