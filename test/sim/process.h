#pragma once

#include <string>

#include "sandbox/inprocess/replica.h"
#include "test/sim/checker.h"
#include "test/sim/faults.h"
#include "test/support/virtual_world.h"

namespace stowage::sim {

using sandbox::Role;

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
  [[nodiscard]] bool ended() const { return replica_.ended(); }
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Asks for a clean end.
  void stop() { replica_.stop(); }
  [[nodiscard]] const test::RecordingLogger& log() const { return log_; }

  sandbox::CallFate on_call(const kube::HttpRequest& request) override;
  sandbox::StreamFate on_stream(const std::string& target) override;
  void on_applied(const kube::HttpRequest& request, int status) override;

 private:
  test::VirtualWorld& world_;
  std::string name_;
  FaultPlan& plan_;
  Checker& checker_;
  Random random_;
  test::RecordingLogger log_;
  sandbox::Replica replica_;
  bool dead_ = false;
};

}  // namespace stowage::sim
