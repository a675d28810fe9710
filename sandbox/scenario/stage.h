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
#include "sandbox/world/serving.h"

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
  /// Taints the node as a cloud's notice does, shuts it down `grace` before it is taken away after `span`.
  /// Like all of these: false when there is no such node.
  bool notice(const std::string& node, Millis span, Millis grace);
  bool lose(const std::string& node);
  /// Its kubelet falls silent, for `span` (0 = until set_ready).
  bool silence(const std::string& node, Millis span);
  bool set_ready(const std::string& node);
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
  bool report(const std::string& node, const char* status, const char* reason, const char* message);
  /// What is to happen to a node later.
  struct Fate {
    enum class What { kShutDown, kLoss, kReady };
    MonoTime at;
    std::string node;
    What what;
    bool operator==(const Fate&) const = default;
  };
  void meet(const Fate& fate);
  [[nodiscard]] std::optional<MonoTime> next_fault() const;

  const Scenario& scenario_;
  boost::asio::io_context io_{1};
  kube::VirtualClock clock_;
  kube::VirtualTimers timers_;
  MonoTime begin_;
  NullLogger log_;
  Random chance_;
  Server server_;
  Serving serving_;
  Kubelets kubelets_;
  Timeline timeline_;
  VirtualDrive drive_;
  std::vector<Fate> fates_;
  std::vector<MonoTime> strikes_;
  std::deque<Life> lives_;
};

}  // namespace stowage::sandbox
