#pragma once

#include <boost/asio/awaitable.hpp>
#include <set>
#include <string>
#include <vector>

#include "gpu-scheduler/cluster_cache.h"
#include "gpu-scheduler/cycle.h"
#include "kube/client/client.h"
#include "kube/runtime/environment.h"

namespace stowage::scheduler {

/// How a bind ended. All but kUnknown are definite: the API server said so.
enum class BindEnd : uint8_t {
  kBound,    ///< On the node that was planned.
  kRefused,  ///< Not bound, and no request of ours can still do it: forget and try again.
  kGone,     ///< The pod does not exist any more, or has another UID.
  kUnknown,  ///< We may not ask any more (lost lease, shutdown): the next leader finds out.
};

struct BindOutcome {
  BindEnd end = BindEnd::kUnknown;
  std::string message;  ///< Of a refusal.
};

/// Sends binds and does not rest before their end is known. Never binds to a node that was replaced by one of
/// the same name. An ambiguous answer (timeout, broken connection, 5xx) is followed by a live read; while the
/// pod is still unbound the same bind is sent again, so that a late arrival of the first is harmless. What
/// others have bound in the meantime counts: a bind that had to wait is not sent to a node that is full by
/// now.
class Binder {
 public:
  Binder(kube::Environment env, kube::Client& client, const ClusterCache& cache)
      : env_(env), client_(client), cache_(cache) {}

  /// Tells the claims of all plans their node and waits until every one is bound, at most `limit`: the pods
  /// of a gang are bound together, so what one of them waits for, all wait for. kBound: all may be bound.
  /// kRefused: a provisioner gave up, or the limit has passed. kGone: one of the pods does not exist any
  /// more.
  boost::asio::awaitable<BindOutcome> prepare_claims(const std::vector<PlannedBind>& plans, Millis limit);
  boost::asio::awaitable<BindOutcome> bind(const PlannedBind& plan);

 private:
  struct Live {
    BindEnd end = BindEnd::kUnknown;
    bool unbound = false;
    std::string message;
  };
  boost::asio::awaitable<Live> look(const PlannedBind& plan);
  boost::asio::awaitable<BindOutcome> tell_claims(const PlannedBind& plan);
  BindOutcome look_at_claims(const PlannedBind& plan, std::set<std::string>& told) const;
  [[nodiscard]] bool same_node(const PlannedBind& plan) const;

  kube::Environment env_;
  kube::Client& client_;
  const ClusterCache& cache_;
};

}  // namespace stowage::scheduler
