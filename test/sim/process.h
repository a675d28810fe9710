#pragma once

#include <memory>
#include <optional>
#include <string>

#include "kube/runtime/config_file.h"
#include "kube/runtime/metrics.h"
#include "kube/runtime/process_life.h"
#include "sandbox/inprocess/transport.h"
#include "test/sim/checker.h"
#include "test/sim/faults.h"
#include "test/support/virtual_world.h"

namespace stowage::sim {

/// What a role of the control plane is made of.
struct Role {
  std::string name;  ///< "operator", "scheduler".
  kube::MakeComponent make;
  std::string config_kind;
  Millis lease, renew, retry;
};

/// One life of one replica: its own chance, its own connection, and a death that can come at any write.
class SimProcess final : public sandbox::Network {
 public:
  SimProcess(test::VirtualWorld& world, sandbox::Server& server, const Role& role, std::string name,
             FaultPlan& plan, Checker& checker, uint64_t seed);
  ~SimProcess() override;

  void start();
  /// From now on nothing reaches the server any more; what still runs unwinds by itself.
  void kill();
  [[nodiscard]] bool dead() const { return dead_; }
  /// The coroutine of its life has ended; only then may it be destroyed.
  [[nodiscard]] bool ended() const { return exit_code_.has_value(); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] kube::ProcessLife& life() { return *life_; }
  [[nodiscard]] const test::RecordingLogger& log() const { return log_; }

  sandbox::CallFate on_call(const kube::HttpRequest& request) override;
  sandbox::StreamFate on_stream(const std::string& target) override;
  void on_applied(const kube::HttpRequest& request, int status) override;

 private:
  boost::asio::awaitable<void> live();

  test::VirtualWorld& world_;
  std::string name_;
  FaultPlan& plan_;
  Checker& checker_;
  Random random_;
  test::RecordingLogger log_;
  kube::Metrics metrics_;
  sandbox::InProcessTransport transport_;
  std::unique_ptr<kube::ProcessLife> life_;
  std::optional<kube::ConfigFile> config_;  ///< Its sections live as long as it does.
  std::unique_ptr<kube::Component> component_;
  std::optional<int> exit_code_;
  bool dead_ = false;
};

}  // namespace stowage::sim
