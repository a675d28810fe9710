#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sandbox/inprocess/virtual_drive.h"
#include "sandbox/world/kubelets.h"
#include "test/sim/process.h"

namespace stowage::sim {

struct Ground;

struct SimOptions {
  uint64_t seed = 1;
  int replicas = 2;  ///< Of each role.
  FaultRates rates = {};
  std::optional<std::set<std::string>> only = {};  ///< Nothing but these faults happens.
  const Mutation* mutation = nullptr;
  Patience patience = {};
  bool trace = false;   ///< Writes down what happens, for people.
  bool digest = false;  ///< Tells the whole story also when nothing is broken.
};

/// The whole control plane in one process under virtual time: the API server, kubelets, and replicas of each
/// role that die and come back. One seed is one schedule, bit for bit.
class SimWorld {
 public:
  /// When virtual clocks start.
  static constexpr MonoTime kStart{Millis{3'600'000}};

  SimWorld(SimOptions options, const Ground& ground);
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  /// Lets `span` pass: requests, timers, kubelets, deaths and restarts.
  void run_for(Millis span) { drive_.run_for(span); }
  /// Until `condition` holds (true) or `limit` has passed (false).
  bool run_until(const std::function<bool()>& condition, Millis limit) {
    return drive_.run_until(condition, limit);
  }
  /// A request by the user, never disturbed. Returns the status; `body` gets the answer.
  int user(const std::string& method, const std::string& path, const std::string& body = {},
           const std::string& content_type = "application/json", std::string* answer = nullptr);
  /// Ends the life of a random process, at once.
  void kill_one(Random& random);
  /// The server's watches can resume from nowhere. Those who watch in its own process, the checker and the
  /// kubelets, miss nothing by it.
  void forget_history();
  /// No more faults, and dead replicas come back at once.
  void calm();
  /// Ends every process cleanly.
  void stop();

  [[nodiscard]] uint64_t seed() const { return options_.seed; }
  [[nodiscard]] FaultPlan& plan() { return plan_; }
  [[nodiscard]] sandbox::Server& server() { return server_; }
  [[nodiscard]] Surroundings& around() { return around_; }
  [[nodiscard]] Checker& checker() { return checker_; }
  [[nodiscard]] Random& chance() { return chance_; }
  [[nodiscard]] test::VirtualWorld& time() { return world_; }
  [[nodiscard]] const std::vector<std::unique_ptr<SimProcess>>& processes() const { return processes_; }
  /// Every life of the run, also those that ended: for the story of a failed seed.
  [[nodiscard]] std::string logs() const;

 private:
  struct Slot {
    size_t role;
    int number;
    int lives = 0;
    SimProcess* process = nullptr;
    MonoTime restart_at = {};
  };
  void interpose(const kube::HttpRequest& request);
  void tend_processes();
  std::optional<MonoTime> next_event();
  /// Each role has a leader that nothing keeps from working.
  [[nodiscard]] bool led() const;

  SimOptions options_;
  const Ground& ground_;
  test::VirtualWorld world_;
  sandbox::Server server_;
  sandbox::Kubelets kubelets_;
  Random chance_;
  FaultPlan plan_;
  Checker checker_;
  Surroundings around_;
  sandbox::VirtualDrive drive_;
  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<SimProcess>> processes_;
  std::set<std::string> outlived_;  ///< Processes that did not wait for all of their tasks.
  bool stopping_ = false;
};

}  // namespace stowage::sim
