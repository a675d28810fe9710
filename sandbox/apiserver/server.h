#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/store.h"
#include "sandbox/apiserver/watch.h"

namespace stowage::sandbox {

struct Core;
class PodContents;

struct ServerOptions {
  uint64_t seed = 1;  ///< UIDs and generated names come from it.
  HistoryLimits history = {};
  InputLimits input = {};
};

/// An in-memory Kubernetes API server: requests in, responses and watches out. No sockets, clock, threads or
/// files: the caller brings the time, and the same calls in the same order give the same answers. Not
/// thread-safe.
class Server {
 public:
  explicit Server(ServerOptions options = {});
  ~Server();
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;

  /// A server of its own with the same objects, history and definitions, whose UIDs and generated names come
  /// from `seed`. Immutable parts (objects, schemas, compiled rules) are shared, so it costs microseconds per
  /// resource instead of parsing every definition again; watches stay with the original. The original must
  /// not be used by another thread meanwhile.
  [[nodiscard]] Server fork(uint64_t seed) const;

  /// Answers one request at wall time `now`. Never throws; whatever a client sends ends in a Status.
  Response handle(const Request& request, WallTime now);

  /// Creates what every cluster has from its first second: the system namespaces, the `kubernetes` service,
  /// the system priority classes, default service accounts.
  void bootstrap(WallTime now);

  /// Does the work of the control loops that live inside a control plane: garbage collection, namespace
  /// deletion, pod disruption budgets. Returns true if anything changed; call again until it returns false.
  bool step(WallTime now);
  /// True if step() has something to do.
  [[nodiscard]] bool has_work() const;

  /// What pods answer to the subresources log and proxy; borrowed, null = nothing. Copies made by fork() have
  /// none.
  void attach(PodContents* contents);

  /// Present resource version.
  [[nodiscard]] uint64_t version() const;
  /// Forgets the history of every resource: running watches and continue tokens from before get 410.
  void compact();
  /// Objects stored, of all resources.
  [[nodiscard]] size_t object_count() const;

  /// For the other parts of this library.
  Core& core() { return *core_; }

 private:
  explicit Server(std::unique_ptr<Core> core);

  std::unique_ptr<Core> core_;
};

}  // namespace stowage::sandbox
