#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "sandbox/apiserver/pod_contents.h"
#include "sandbox/apiserver/server.h"
#include "sandbox/world/kubelets.h"

namespace stowage::sandbox {

/// Names of the annotations that say how much traffic a model gets. On a ModelDeployment it is shared by its
/// ready replicas and may change at any time; on a pod of its own it is that pod's.
/// A rate is a number ("12.5"), or a trace of "offset=rate" with offsets from when it was set, the last one
/// holding on: "0s=1,60s=20,5m=2".
inline constexpr std::string_view kTrafficAnnotation = "sandbox.stowage.dev/requests-per-second";
inline constexpr std::string_view kPromptAnnotation = "sandbox.stowage.dev/prompt-tokens";
inline constexpr std::string_view kOutputAnnotation = "sandbox.stowage.dev/output-tokens";

/// The inference engines inside running pods: their queues under simulated traffic, their metrics pages
/// and their logs. One engine a replica, in its pod of rank 0. Requests arrive at random around the asked
/// rate, from the seed. Time goes on in whole seconds; step() and every question bring it up to date, and
/// when they come does not change what happens.
class Serving final : public PodContents, public PodListener {
 public:
  /// `server` outlives it.
  Serving(Server& server, uint64_t seed);
  ~Serving() override;
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  /// Takes in changed traffic and lets time pass. Writes nothing.
  void step(WallTime now);
  /// Called when traffic may have changed, from inside calls of the server; it should lead to a step().
  void on_change(std::function<void()> call);

  void pod_ready(const api::Pod& pod, WallTime now) override;
  void pod_gone(const std::string& uid, WallTime now) override;

  std::vector<LogLine> log(const nlohmann::json& pod, const std::string& container, WallTime now) override;
  std::optional<PodAnswer> get(const nlohmann::json& pod, std::string_view path, WallTime now) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stowage::sandbox
