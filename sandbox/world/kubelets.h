#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/core/pod.h"
#include "base/clock.h"
#include "sandbox/apiserver/server.h"

namespace stowage::sandbox {

/// How long things take on a simulated node.
struct KubeletTimes {
  Millis image_pull{0};           ///< Once per (node, image).
  Millis warm_up{0};              ///< From container start to readiness.
  Millis load_per_gib{0};         ///< Weights, by the annotation `stowage.dev/model-size` (a quantity).
  Millis cached_load_per_gib{0};  ///< The same when the node loaded these weights before.
  Millis termination{0};          ///< From deletion to disappearance, at most the pod's grace period.
  Millis pod_gc{40'000};          ///< Pods of a node that is gone are removed after this long.
};

/// The kubelets of all nodes, and the pod garbage collector, as a simulation: they read the API server by
/// watches and write by its patches like real ones. No clock: the caller brings the time, and asks when to
/// come again.
///
/// A bound pod that does not fit its node fails as a real kubelet fails it (`OutOfcpu`,
/// `OutOfnvidia.com/gpu`, ...). Annotations of one pod override the times, with the meaning they have on
/// test/cluster: `test.stowage.dev/startup`, `/termination` (a duration or `grace`), `/fail` and `/complete`
/// (after it started).
class Kubelets {
 public:
  /// `server` outlives the kubelets.
  Kubelets(Server& server, KubeletTimes times);
  ~Kubelets();
  Kubelets(const Kubelets&) = delete;
  Kubelets& operator=(const Kubelets&) = delete;

  /// Takes in what changed and does what is due. Returns true if anything was written.
  bool step(WallTime now);
  /// When the next thing is due, if nothing changes before.
  [[nodiscard]] std::optional<WallTime> next_due() const;
  /// Called when step() has something new to look at; must not call the server.
  void on_change(std::function<void()> call);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stowage::sandbox
