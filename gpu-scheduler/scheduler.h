#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "gpu-scheduler/binder.h"
#include "gpu-scheduler/cluster_cache.h"
#include "gpu-scheduler/config.h"
#include "gpu-scheduler/cycle.h"
#include "gpu-scheduler/objects.h"
#include "gpu-scheduler/policy_writer.h"
#include "gpu-scheduler/status_writer.h"
#include "kube/runtime/informer.h"
#include "kube/runtime/metrics.h"
#include "kube/runtime/notifier.h"
#include "kube/runtime/process.h"

namespace stowage::scheduler {

/// The scheduler as a component of its process: informers -> cache -> queue -> cycle -> binds -> status.
class Scheduler final : public kube::Component {
 public:
  Scheduler(kube::ComponentContext context, SchedulerConfig config);

  void start(kube::TaskScope& caches) override;
  kube::Async<void> lead(kube::TaskScope& scope) override;
  [[nodiscard]] Result<void> ready() const override;

  [[nodiscard]] const ClusterCache& cache() const { return cache_; }
  [[nodiscard]] const SchedulingQueue& queue() const { return queue_; }

 private:
  void connect();
  void changed(EventMask events);
  void policies_changed();
  void pools_changed();
  boost::asio::awaitable<void> wait_for_own_kinds();
  /// Where the cluster serves PodGroups they are watched; nothing is asked of clusters that do not.
  boost::asio::awaitable<void> find_pod_groups();
  boost::asio::awaitable<void> work();
  /// Decides until nothing is active, all bind slots are taken, or the slice is over. True: more to do.
  bool run_slice();
  /// Waits for the claims of a pod or gang, then sends its binds.
  boost::asio::awaitable<void> provision(std::vector<PlannedBind> plans, Millis limit);
  void send(std::vector<PlannedBind> plans);
  boost::asio::awaitable<void> carry_out(PlannedBind plan);
  void settle(const PlannedBind& plan, const BindOutcome& outcome);
  void measure();

  kube::Environment env_;
  kube::Client& client_;
  kube::EventRecorder& events_;
  SchedulerConfig config_;
  kube::Informer<api::Pod> pods_;
  kube::Informer<api::Node> nodes_;
  kube::Informer<api::Namespace> namespaces_;
  kube::Informer<api::PersistentVolumeClaim> claims_;
  kube::Informer<api::PersistentVolume> volumes_;
  kube::Informer<api::StorageClass> storage_classes_;
  kube::Informer<DeploymentObject> deployments_;
  kube::Informer<PolicyObject> policies_;
  kube::Informer<PoolObject> pools_;
  std::unique_ptr<kube::Informer<PodGroupObject>> pod_groups_;
  ClusterCache cache_;
  SchedulingQueue queue_;
  Cycle cycle_;
  Binder binder_;
  StatusWriter status_;
  PolicyWriter policy_writer_;
  kube::Notifier wake_;
  kube::TaskScope* caches_ = nullptr;
  kube::TaskScope* scope_ = nullptr;  ///< Of the work; null on a standby.
  int64_t in_flight_ = 0;
  bool stopping_ = false;
  kube::Counter bound_, refused_, tried_;
  kube::Gauge active_, backing_off_, unschedulable_;
};

}  // namespace stowage::scheduler
