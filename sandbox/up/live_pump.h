#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "base/clock.h"
#include "sandbox/inprocess/transport.h"
#include "sandbox/world/kubelets.h"

namespace stowage::sandbox {

/// Turns kubelets and the server's own loops under real time: soon after something changed, and when
/// something is due. It is also the (perfect) network of what runs inside, because their requests are what
/// changes things.
class LivePump final : public Network {
 public:
  /// Borrows everything; all of it outlives the pump.
  LivePump(boost::asio::io_context& io, Server& server, Kubelets& kubelets, const Clock& clock);

  /// From here on; kubelets take in what is there.
  void start();
  void stop();

  CallFate on_call(kube::HttpRequest&) override { return {}; }
  StreamFate on_stream(const std::string&) override { return {}; }
  void on_applied(const kube::HttpRequest&, int) override { schedule_loops(); }

 private:
  void schedule_kubelets();
  void turn_kubelets();
  void schedule_loops();

  boost::asio::io_context& io_;
  Server& server_;
  Kubelets& kubelets_;
  const Clock& clock_;
  boost::asio::steady_timer due_, loops_;
  bool kubelets_scheduled_ = false;
  bool loops_scheduled_ = false;
  bool stopped_ = false;
};

}  // namespace stowage::sandbox
