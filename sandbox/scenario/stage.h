#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "sandbox/inprocess/replica.h"
#include "sandbox/inprocess/virtual_drive.h"
#include "sandbox/scenario/scenario.h"
#include "sandbox/scenario/timeline.h"

namespace stowage::sandbox {

/// A cluster under virtual time with operator and scheduler inside, and the faults of a scenario.
class Stage {
 public:
  Stage(uint64_t seed, const Scenario& scenario, Timeline::Tell tell);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  [[nodiscard]] Server& server() { return server_; }
  [[nodiscard]] VirtualDrive& drive() { return drive_; }
  [[nodiscard]] WallTime wall() const { return clock_.wall(); }
  [[nodiscard]] Millis elapsed() const;
  /// Installs Stowage and starts operator and scheduler. Error: what the server refused.
  Result<void> open();
  Response request(std::string method, std::string path, std::string body = {},
                   std::string type = "application/json");
  /// Taints the node as a cloud's notice does, and takes it away after `span`. False when there is no such
  /// node.
  bool notice(const std::string& node, Millis span);
  bool lose(const std::string& node);
  /// Ends the present life of the role and begins a new one.
  void restart(const std::string& role);

 private:
  struct Life {
    Random random;
    std::unique_ptr<Replica> replica;
  };
  void start(const Role& role);
  bool step_faults();
  void strike(const SeededFault& fault);
  [[nodiscard]] std::optional<MonoTime> next_fault() const;

  const Scenario& scenario_;
  boost::asio::io_context io_{1};
  kube::VirtualClock clock_;
  kube::VirtualTimers timers_;
  MonoTime begin_;
  NullLogger log_;
  Random chance_;
  Server server_;
  Kubelets kubelets_;
  Timeline timeline_;
  VirtualDrive drive_;
  std::vector<std::pair<MonoTime, std::string>> losses_;
  std::vector<MonoTime> strikes_;
  std::deque<Life> lives_;
};

}  // namespace stowage::sandbox
