#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "kube/client/client.h"
#include "kube/runtime/environment.h"

namespace stowage::kube {

struct LeaseOptions {
  std::string ns;
  std::string name;
  std::string identity;  ///< Unique per process start.
  Millis lease{15'000};
  Millis renew{10'000};  ///< Give up leading when no renewal succeeded for this long.
  Millis retry{2'000};
};

/// Leader election by a coordination.k8s.io Lease, on the monotonic clock. Standbys watch the Lease.
class LeaderElector {
 public:
  LeaderElector(Environment env, Client& client, LeaseOptions options);
  ~LeaderElector();

  /// Returns when this process holds the lease.
  boost::asio::awaitable<void> acquire();
  /// Renews until the lease is lost (returns an error) or the coroutine is cancelled.
  Async<void> hold();
  /// Gives the lease up so that another starts at once. Only after all work has ended.
  boost::asio::awaitable<void> release();
  [[nodiscard]] bool leading() const;
  /// True once the server has told who holds the lease, us or another: what /readyz of a standby says.
  [[nodiscard]] bool known() const;
  /// Last moment at which a write may still be sent: last renewal (when it was
  /// sent) + 9/10 of the lease. The fence of every write; MonoTime::min() when not leading.
  [[nodiscard]] MonoTime fence() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stowage::kube
