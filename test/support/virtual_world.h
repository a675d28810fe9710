#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/runtime/environment.h"
#include "kube/runtime/virtual_time.h"

namespace stowage::test {

using kube::VirtualClock;
using kube::VirtualTimers;

/// Keeps log entries, for tests that assert what an operator would read.
class RecordingLogger final : public Logger {
 public:
  struct Entry {
    LogLevel level;
    std::string message;
    std::map<std::string, std::string> fields;
  };
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) override;
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  /// Number of entries whose message contains `text`.
  [[nodiscard]] size_t count(std::string_view text) const;

 private:
  std::vector<Entry> entries_;
};

/// A process's surroundings under virtual time, on one thread: an executor, a clock, timers, a seed, a log.
/// Everything that runs in it must be declared after it, so that it is destroyed before it.
class VirtualWorld {
 public:
  explicit VirtualWorld(uint64_t seed = 1);
  ~VirtualWorld();
  VirtualWorld(const VirtualWorld&) = delete;
  VirtualWorld& operator=(const VirtualWorld&) = delete;

  [[nodiscard]] kube::Environment env() { return {io_.get_executor(), clock_, timers_, random_, log_}; }
  [[nodiscard]] VirtualClock& clock() { return clock_; }
  [[nodiscard]] VirtualTimers& timers() { return timers_; }
  [[nodiscard]] RecordingLogger& log() { return log_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] boost::asio::io_context& io() { return io_; }

  /// Runs every handler that is ready, without moving time.
  void settle();
  /// Runs handlers and timers for `span` of virtual time.
  void run_for(Millis span);
  /// Runs until `condition` holds: true; or until `limit` of virtual time has passed or nothing is left to
  /// run: false.
  bool run_until(const std::function<bool()>& condition, Millis limit = Millis{3'600'000});
  /// Starts a coroutine that the world owns; an exception other than cancellation fails the test.
  void spawn(boost::asio::awaitable<void> task);
  /// Runs `task` to its end under virtual time and returns its value; fails the test when it does not end.
  template <class T>
  T run(boost::asio::awaitable<T> task, Millis limit = Millis{3'600'000}) {
    std::optional<T> out;
    spawn(store(std::move(task), out));
    require_done(run_until([&] { return out.has_value(); }, limit));
    return std::move(*out);
  }
  void run(boost::asio::awaitable<void> task, Millis limit = Millis{3'600'000});

 private:
  template <class T>
  static boost::asio::awaitable<void> store(boost::asio::awaitable<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
  }
  static boost::asio::awaitable<void> mark(boost::asio::awaitable<void> task, bool& done);
  static void require_done(bool done);

  boost::asio::io_context io_;
  VirtualClock clock_;
  VirtualTimers timers_;
  Random random_;
  RecordingLogger log_;
};

}  // namespace stowage::test
