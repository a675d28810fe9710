#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <unordered_map>

#include "gpu-scheduler/cluster_cache.h"
#include "gpu-scheduler/cycle.h"
#include "gpu-scheduler/objects.h"
#include "gpu-scheduler/pod_condition.h"
#include "kube/client/client.h"
#include "kube/runtime/controller.h"
#include "kube/runtime/event_recorder.h"
#include "kube/runtime/store.h"

namespace stowage::scheduler {

/// Writes what people read: PodScheduled=False with an event on waiting pods, and `status.placement` of their
/// ModelDeployments. Level-triggered by keys "pod:<uid>" and "dep:<ns/name>"; writes nothing that is there
/// already, and changed detail of one object at most every 30 s.
class StatusWriter {
 public:
  StatusWriter(kube::Environment env, kube::Client& client, kube::EventRecorder& events,
               const ClusterCache& cache, const Cycle& cycle,
               const kube::Store<DeploymentObject>& deployments);

  void start(kube::TaskScope& scope);
  /// The unit was tried, placed or changed: its waiting pods and its deployment are looked at.
  void unit_changed(const std::string& unit);
  /// A pod of this owner came, changed or went.
  void owner_changed(const api::Pod& pod);
  /// The deployment came or its spec changed, or somebody changed what its status says of placement.
  void deployment_changed(const api::ObjectMeta& meta);
  /// The placement that the cache got is the one that this process wrote last: it needs no look.
  [[nodiscard]] bool wrote(const DeploymentObject& seen) const;

 private:
  boost::asio::awaitable<Result<kube::Action>> reconcile(std::string key);
  boost::asio::awaitable<Result<kube::Action>> write_condition(std::string uid);
  boost::asio::awaitable<Result<kube::Action>> write_placement(std::string key);

  struct Written {
    std::string uid;
    size_t json = 0;  ///< Hashes: thousands of statuses are remembered.
    size_t signature = 0;
    MonoTime at = {};
    std::string version = {};  ///< resourceVersion from which on `stored` stands there; empty: not answered.
    size_t stored = 0;         ///< json_hash of what the API server made of it.
  };
  /// The cache is past what was written, and something else stands there: it arrived late, say.
  [[nodiscard]] static bool overwritten(const Written& written, const DeploymentObject& deployment);

  kube::Environment env_;
  kube::Client& client_;
  kube::EventRecorder& events_;
  const ClusterCache& cache_;
  const Cycle& cycle_;
  const kube::Store<DeploymentObject>& deployments_;
  PodConditions conditions_;
  std::unordered_map<std::string, Written> written_;
  kube::Controller controller_;
};

}  // namespace stowage::scheduler
