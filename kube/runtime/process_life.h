#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "kube/client/client.h"
#include "kube/runtime/environment.h"
#include "kube/runtime/event_recorder.h"
#include "kube/runtime/leader_elector.h"
#include "kube/runtime/process.h"

namespace stowage::kube {

struct LifeOptions {
  std::string name;  ///< Component name: event source and user agent.
  std::string user_agent;
  bool leader_elect = true;
  LeaseOptions lease;
  Millis drain_limit{15'000};  ///< For work in hand at shutdown.
  Millis flush_limit{5'000};   ///< For events at shutdown.
  Millis abort_limit{3'000};   ///< For cancelled work to end after the lease was lost.
};

/// One life of a process on an Environment and a Transport: caches, lease, work, and the two ways to end.
/// The machine-bound parts (flags, signals, sockets) are in run_process; this runs under virtual time too,
/// with several lives beside each other as replicas.
class ProcessLife {
 public:
  /// `transport` outlives the life.
  ProcessLife(Environment env, Transport& transport, LifeOptions options);
  ~ProcessLife();
  ProcessLife(const ProcessLife&) = delete;
  ProcessLife& operator=(const ProcessLife&) = delete;

  /// What a component is made from. `config` is the root of its configuration file.
  [[nodiscard]] ComponentContext context(Metrics& metrics, ConfigSection config);
  /// Runs `component` to the end of the process. Result: the exit code: 0 after stop(), 1 after a lost lease
  /// or a failed lead().
  boost::asio::awaitable<int> run(Component& component);
  /// Asks for a clean end, once or more: stop intake, drain, flush events, release the lease last.
  void stop();
  /// Ok, or why the process is not ready: the component's reason, or the lease is not known yet.
  [[nodiscard]] Result<void> ready() const;
  [[nodiscard]] bool leading() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stowage::kube
