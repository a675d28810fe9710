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
  /// A node whose condition Ready is not True is taken as silent: it is tainted, its pods are unready and are
  /// evicted when their tolerations end, nothing else happens there until it is back. Off: the condition is
  /// only shown.
  bool node_lifecycle = false;
};

/// Who wants to know which pods run.
class PodListener {
 public:
  virtual ~PodListener() = default;
  /// Its containers run and are ready.
  virtual void pod_ready(const api::Pod& pod, WallTime now) = 0;
  /// It ended, was removed, or its node is silent; also of pods that were never ready.
  virtual void pod_gone(const std::string& uid, WallTime now) = 0;
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
  /// `listener` outlives the kubelets; null = nobody.
  void tell(PodListener* listener);
  /// A node shuts down in good order: its pods end as Failed with reason Terminated.
  void shut_down(const std::string& node, WallTime now);
  /// Called when step() has something new to look at; must not call the server.
  void on_change(std::function<void()> call);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stowage::sandbox
