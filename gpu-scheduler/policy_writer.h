#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <string>

#include "gpu-scheduler/cluster_cache.h"
#include "gpu-scheduler/cycle.h"
#include "gpu-scheduler/objects.h"
#include "kube/client/client.h"
#include "kube/runtime/environment.h"
#include "kube/runtime/store.h"

namespace stowage::scheduler {

/// Keeps the statuses of SchedulingPolicies and CapacityPools: written once the cluster has been quiet for a
/// moment, or every `every` while it is not; silent while nothing changes.
class PolicyWriter {
 public:
  PolicyWriter(kube::Environment env, kube::Client& client, const ClusterCache& cache, const Cycle& cycle,
               const kube::Store<PolicyObject>& policies, const kube::Store<PoolObject>& pools, Millis every)
      : env_(env),
        client_(client),
        cache_(cache),
        cycle_(cycle),
        policies_(policies),
        pools_(pools),
        every_(every) {}

  /// Runs until cancelled.
  boost::asio::awaitable<void> run();

 private:
  boost::asio::awaitable<void> write_all();
  /// Changes with everything that a status could tell.
  [[nodiscard]] uint64_t fingerprint() const;
  boost::asio::awaitable<void> write(const kube::Resource& resource, api::ObjectMeta meta,
                                     std::string status);

  kube::Environment env_;
  kube::Client& client_;
  const ClusterCache& cache_;
  const Cycle& cycle_;
  const kube::Store<PolicyObject>& policies_;
  const kube::Store<PoolObject>& pools_;
  Millis every_;
  std::map<std::string, std::string> base_;  ///< Policy UID -> the status that was there before our first.
};

}  // namespace stowage::scheduler
