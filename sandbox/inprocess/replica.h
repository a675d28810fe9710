#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "kube/runtime/config_file.h"
#include "kube/runtime/metrics.h"
#include "kube/runtime/process_life.h"
#include "sandbox/inprocess/transport.h"

namespace stowage::sandbox {

/// What a role of the control plane is made of.
struct Role {
  std::string name;  ///< "operator", "scheduler".
  kube::MakeComponent make;
  std::string config_kind;
  Millis lease, renew, retry;
};

/// One life of one replica of a role, inside this process: its own metrics and connection, on the
/// surroundings it is given. Its configuration is the default one.
class Replica {
 public:
  /// `server`, `network` (may be null) and everything in `env` outlive the replica. `identity` is unique;
  /// without `leader_elect` it works at once and writes no lease.
  Replica(kube::Environment env, Server& server, const Role& role, std::string identity, bool leader_elect,
          Network* network);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  /// Lives until stop(), a lost lease or a failed start; the replica outlives the coroutine.
  boost::asio::awaitable<void> run();
  /// Asks for a clean end.
  void stop() { life_->stop(); }
  /// The coroutine of run() is over; only then may the replica be destroyed.
  [[nodiscard]] bool ended() const { return exit_code_.has_value(); }
  /// 0 after stop(), 1 after a lost lease or a failed start; nothing while it lives.
  [[nodiscard]] std::optional<int> exit_code() const { return exit_code_; }
  [[nodiscard]] Result<void> ready() const { return life_->ready(); }
  [[nodiscard]] const std::string& identity() const { return identity_; }

 private:
  std::string identity_;
  kube::Metrics metrics_;
  InProcessTransport transport_;
  std::unique_ptr<kube::ProcessLife> life_;
  std::optional<kube::ConfigFile> config_;  ///< Its sections live as long as it does.
  std::unique_ptr<kube::Component> component_;
  std::optional<int> exit_code_;
};

}  // namespace stowage::sandbox
