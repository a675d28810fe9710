#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "kube/client/client.h"
#include "kube/runtime/config_file.h"
#include "kube/runtime/environment.h"
#include "kube/runtime/event_recorder.h"
#include "kube/runtime/leader_elector.h"
#include "kube/runtime/metrics.h"
#include "kube/runtime/task_scope.h"

namespace stowage::kube {

/// What a process's own part is built from. Everything outlives the component.
struct ComponentContext {
  Environment env;
  Client& client;         ///< Sends no write before the lease was won or after the fence has passed.
  EventRecorder& events;  ///< Started and flushed by the process.
  Metrics& metrics;
  ConfigSection config;             ///< Root of the configuration file: read the own keys in the factory.
  std::string identity;             ///< Unique per process start; also the lease holder.
  std::function<MonoTime()> fence;  ///< Last moment for a write: deadlines of requests end before it.
};

/// The part of a process that is its own. Built once; never started again after it lost the lease.
class Component {
 public:
  virtual ~Component() = default;
  /// Starts caches: on leaders and on standbys, so that a takeover is fast.
  virtual void start(TaskScope& caches) = 0;
  /// After the lease was won and before work starts: wait for caches, one consistent read (barrier), undo or
  /// finish what a predecessor left; then spawn the work in `scope`: Controller::start, or spawn_worker with
  /// a `stop` for what must finish cleanly at shutdown. An error ends the process with exit code 1.
  virtual Async<void> lead(TaskScope& scope) = 0;
  /// Ok, or the reason why the process cannot do its work yet, for /readyz: "waiting for ... to sync".
  [[nodiscard]] virtual Result<void> ready() const = 0;
};

using MakeComponent = std::function<Result<std::unique_ptr<Component>>(ComponentContext)>;

struct ProcessSpec {
  std::string name;         ///< "stowage-operator": user agent, log, event source, --version.
  std::string description;  ///< One line for --help.
  std::string config_kind;  ///< "OperatorConfig".
  std::string lease_name;   ///< Also the name in metrics.
  Millis lease{15'000};     ///< Defaults; the file's leaderElection section changes them.
  Millis renew{10'000};
  Millis retry{2'000};
  std::string serve_address = "127.0.0.1:0";  ///< Default of --serve-address.
  MakeComponent make;
};

/// The life of a process, from the command line to the exit code:
///
///   flags and file -> transport -> health and metrics server -> caches -> lease -> lead -> shutdown
///
/// Flags: --kubeconfig, --config, --leader-elect, --serve-address, --log-format, --log-level, --version; a
/// flag wins over the file. SIGTERM or SIGINT: stop intake, drain, flush events, release the lease, within
/// 30 s. A lost lease: nothing more is sent, what is in flight is cancelled.
///
/// Returns 0 after a clean shutdown, 1 after a lost lease or a failed start, 2 for wrong usage. Each failure
/// has told on stderr what is wrong and what to do.
int run_process(const ProcessSpec& spec, int argc, char** argv);

}  // namespace stowage::kube
