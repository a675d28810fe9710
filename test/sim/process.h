#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kube/runtime/config_file.h"
#include "kube/runtime/metrics.h"
#include "kube/runtime/process_life.h"
#include "sandbox/inprocess/replica.h"
#include "test/sim/checker.h"
#include "test/sim/faults.h"
#include "test/sim/mutations.h"
#include "test/sim/skewed_time.h"
#include "test/support/virtual_world.h"

namespace stowage::sim {

using sandbox::Role;

/// What the processes of a schedule share.
struct Surroundings {
  test::VirtualWorld& world;
  sandbox::Server& server;
  FaultPlan& plan;
  Checker& checker;
  const Mutation* mutation = nullptr;
  /// Changes the object of a write that is on its way, as somebody else.
  std::function<void(const kube::HttpRequest&)> interpose = {};
  /// Until then the server refuses every connection (a restart).
  MonoTime down_until = {};
  /// Until then nothing is collected: no orphans, no namespaces.
  MonoTime collect_from = {};
};

/// One life of one replica: its own chance, clocks and connection, and a death that can come at any write.
class SimProcess final : public sandbox::Network {
 public:
  SimProcess(Surroundings& around, const Role& role, std::string name, uint64_t seed);
  ~SimProcess() override;

  void start();
  /// From now on nothing reaches the server any more; what still runs unwinds by itself.
  void kill();
  /// The network works again; what was held back on the way comes when it would have come.
  void heal() { cut_until_ = deaf_until_ = {}; }
  /// Its cache has this pod on a node.
  [[nodiscard]] bool knows(const std::string& uid) const;
  /// It leads, and nothing keeps it from working.
  [[nodiscard]] bool able() const;
  [[nodiscard]] bool dead() const { return dead_; }
  /// The coroutine of its life has ended; only then may it be destroyed.
  [[nodiscard]] bool ended() const { return exit_code_.has_value(); }
  /// It has ended, and none of its coroutines waits for a moment any more: an operating system would have
  /// taken those away.
  [[nodiscard]] bool gone() const { return ended() && !time_.awaited(); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Role& role() const { return role_; }
  [[nodiscard]] kube::ProcessLife& life() { return *life_; }
  [[nodiscard]] const kube::Component& component() const { return *component_; }
  [[nodiscard]] const test::RecordingLogger& log() const { return log_; }
  [[nodiscard]] std::string metrics_text() const { return metrics_.scrape(); }

  sandbox::CallFate on_call(kube::HttpRequest& request) override;
  sandbox::StreamFate on_stream(const std::string& target) override;
  void on_applied(const kube::HttpRequest& request, int status) override;

 private:
  [[nodiscard]] kube::Environment env();
  boost::asio::awaitable<void> live();
  /// A list or watch has failed, and its informer backs off; or it is under way again.
  void follow_back_off(const std::string& target, bool failed);
  void befall(const ProcessFate& fate, const kube::HttpRequest& request, sandbox::CallFate& call);
  void make_stale(kube::HttpRequest& request);
  static void make_small(kube::HttpRequest& request);

  Surroundings& around_;
  const Role& role_;
  std::string name_;
  Random random_;
  bool no_streaming_;  ///< Its server does not know streaming lists.
  bool small_pages_ = false;
  SkewedTime time_;
  test::RecordingLogger log_;
  kube::Metrics metrics_;
  sandbox::InProcessTransport transport_;
  std::unique_ptr<kube::Transport> mutant_;
  std::unique_ptr<kube::ProcessLife> life_;
  std::optional<kube::ConfigFile> config_;  ///< Its sections live as long as it does.
  std::unique_ptr<kube::Component> component_;
  std::optional<int> exit_code_;
  std::function<MonoTime()> fence_;
  MonoTime cut_until_ = {};
  MonoTime deaf_until_ = {};
  MonoTime held_until_ = {};  ///< A piece of a watch that met the cut-off arrives then, also after heal().
  std::map<std::string, MonoTime> backing_off_;  ///< Collections whose list or watch failed, and when it did.
  bool dead_ = false;
};

}  // namespace stowage::sim
