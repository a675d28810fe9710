#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

namespace stowage::kube {

class Metrics;

/// Waiting, as a seam: an Asio timer in the processes, virtual time in simulation.
class Timers {
 public:
  virtual ~Timers() = default;
  /// True at `deadline`; false at once when the coroutine is cancelled, for callers to whom that is no
  /// surprise: an exception costs more than the wait.
  virtual boost::asio::awaitable<bool> reached(MonoTime deadline) = 0;
  /// Returns at `deadline` or throws operation_aborted when the coroutine is cancelled.
  boost::asio::awaitable<void> sleep_until(MonoTime deadline);
};

/// What every asynchronous part needs from outside: chosen by main, by a test, or by the simulator.
/// All references outlive everything that is given the environment.
struct Environment {
  boost::asio::any_io_executor executor;  ///< One control thread: no locks in control logic.
  Clock& clock;
  Timers& timers;
  Random& random;
  Logger& log;
  Metrics* metrics = nullptr;  ///< Null = nothing is counted.

  boost::asio::awaitable<void> sleep_for(Millis wait) const { return timers.sleep_until(clock.now() + wait); }
};

}  // namespace stowage::kube
