#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "kube/runtime/environment.h"

namespace stowage::kube {

/// Keys to work on: de-duplicated, one worker a key, re-added while processing runs again afterwards,
/// per-key exponential back-off (5 ms -> 1000 s).
class WorkQueue {
 public:
  WorkQueue(Environment env, std::string name);
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void add(std::string key);
  /// Not before `wait` from now; an earlier time for the same key wins. Needs run_delays() to run.
  void add_after(std::string key, Millis wait);
  /// After a failure: with the key's next back-off.
  void add_rate_limited(std::string key);
  /// After success: the key's back-off starts over.
  void forget(const std::string& key);

  /// Makes delayed keys ready when their time has come; ends after shut_down(). Without a delayed key it
  /// holds no timer. Run it once, in the scope of the workers: who joins those has joined this. The queue
  /// outlives it.
  boost::asio::awaitable<void> run_delays();
  /// The next key, marked as being processed; nullopt after shut_down().
  boost::asio::awaitable<std::optional<std::string>> get();
  void done(const std::string& key);
  void shut_down();
  [[nodiscard]] size_t depth() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace stowage::kube
