#include "sandbox/up/live_pump.h"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace stowage::sandbox {
namespace {

// Gathers the work of a burst into one run of the loops.
constexpr Millis kLoopDelay{20};

}  // namespace

LivePump::LivePump(boost::asio::io_context& io, Server& server, Kubelets& kubelets, const Clock& clock)
    : io_(io), server_(server), kubelets_(kubelets), clock_(clock), due_(io), loops_(io) {}

void LivePump::start() {
  kubelets_.on_change([this] { schedule_kubelets(); });
  schedule_kubelets();
  schedule_loops();
}

void LivePump::stop() {
  stopped_ = true;
  due_.cancel();
  loops_.cancel();
}

void LivePump::schedule_kubelets() {
  if (kubelets_scheduled_ || stopped_) return;
  kubelets_scheduled_ = true;
  // From inside a call of the server: look only after it has returned.
  boost::asio::post(io_, [this] {
    kubelets_scheduled_ = false;
    if (!stopped_) turn_kubelets();
  });
}

void LivePump::turn_kubelets() {
  kubelets_.step(clock_.wall());
  schedule_loops();
  const auto next = kubelets_.next_due();
  if (!next) return;
  due_.expires_after(std::max(*next - clock_.wall(), std::chrono::microseconds{0}));
  due_.async_wait([this](const boost::system::error_code& error) {
    if (!error) schedule_kubelets();
  });
}

void LivePump::schedule_loops() {
  if (loops_scheduled_ || stopped_ || !server_.has_work()) return;
  loops_scheduled_ = true;
  loops_.expires_after(kLoopDelay);
  loops_.async_wait([this](const boost::system::error_code& error) {
    loops_scheduled_ = false;
    if (error || stopped_) return;
    if (server_.step(clock_.wall())) schedule_loops();
  });
}

}  // namespace stowage::sandbox
