#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "kube/runtime/asio_timers.h"
#include "sandbox/front/http_front.h"
#include "sandbox/inprocess/replica.h"
#include "sandbox/up/live_pump.h"
#include "sandbox/world/serving.h"

namespace stowage::sandbox {

struct LiveOptions {
  uint16_t port = 0;       ///< On 127.0.0.1; 0 = any free one.
  std::string kubeconfig;  ///< Where to write it; empty = a file in the temporary folder, removed at the end.
  bool api_only = false;   ///< No operator, scheduler, kubelets and definitions.
  KubeletTimes times = {};
};

/// A cluster in one process under real time: the API server on loopback, kubelets, operator and scheduler.
///
///   LiveSandbox sandbox(clock, options);
///   ... fill sandbox.server() ...
///   sandbox.run([&] { tell the user });   // until SIGINT or SIGTERM
class LiveSandbox {
 public:
  LiveSandbox(Clock& clock, LiveOptions options);
  ~LiveSandbox();
  LiveSandbox(const LiveSandbox&) = delete;
  LiveSandbox& operator=(const LiveSandbox&) = delete;

  [[nodiscard]] Server& server() { return server_; }
  /// Listens and writes the kubeconfig. Errors: kUnavailable when the port is taken, kInvalidArgument for a
  /// path that cannot be written; each says what to do.
  Result<void> open();
  /// Serves until a signal, calling `ready` once: when /readyz answers 200 and operator and scheduler have
  /// read the cluster. A second signal ends at once. Error: kInternal when one of them ended by itself.
  Result<void> run(const std::function<void()>& ready);

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& kubeconfig() const { return options_.kubeconfig; }

 private:
  boost::asio::awaitable<void> announce(std::function<void()> ready);
  boost::asio::awaitable<void> live(Replica& replica);
  boost::asio::awaitable<void> end();
  void await_signal();
  void watch_traffic();
  [[nodiscard]] bool all_ready();

  LiveOptions options_;
  Clock& clock_;
  boost::asio::io_context io_{1};
  kube::AsioTimers timers_;
  Random random_;
  StreamLogger log_;
  Server server_;
  Serving serving_;
  Kubelets kubelets_;
  LivePump pump_;
  HttpFront front_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  struct Signals;
  std::unique_ptr<Signals> signals_;
  uint16_t port_ = 0;
  bool own_kubeconfig_ = false;
  bool stopping_ = false;
  bool traffic_changed_ = false;
  std::optional<Error> failure_;
};

}  // namespace stowage::sandbox
