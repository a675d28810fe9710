#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>

#include "kube/runtime/virtual_time.h"
#include "sandbox/apiserver/server.h"
#include "sandbox/world/kubelets.h"

namespace stowage::sandbox {

/// Lets virtual time pass over a server, its kubelets and whatever coroutines run on the loop. Nothing
/// happens between two moments, and everything that is due at a moment is done before the next: the same
/// start gives the same run.
class VirtualDrive {
 public:
  struct Hooks {
    std::function<void()> before_round = {};             ///< Each time before the loop runs.
    std::function<bool()> may_collect = {};              ///< False: the server's own loops stand still.
    std::function<bool()> also_step = {};                ///< More world; true when anything changed.
    std::function<void()> settled = {};                  ///< At the end of each moment.
    std::function<std::optional<MonoTime>()> next = {};  ///< When the hooks want to be called again.
  };
  /// Borrows everything.
  VirtualDrive(boost::asio::io_context& io, kube::VirtualClock& clock, kube::VirtualTimers& timers,
               Server& server, Kubelets& kubelets, Hooks hooks);

  /// Does everything that can happen without time passing.
  void settle();
  /// Until `condition` holds (true) or `limit` has passed (false).
  bool run_until(const std::function<bool()>& condition, Millis limit);
  void run_for(Millis span);

 private:
  void run_ready();
  [[nodiscard]] std::optional<MonoTime> next_time() const;
  void advance_to(MonoTime time);

  boost::asio::io_context& io_;
  kube::VirtualClock& clock_;
  kube::VirtualTimers& timers_;
  Server& server_;
  Kubelets& kubelets_;
  Hooks hooks_;
};

}  // namespace stowage::sandbox
