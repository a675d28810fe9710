#include "kube/runtime/asio_timers.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace stowage::kube {

boost::asio::awaitable<void> AsioTimers::sleep_until(MonoTime deadline) {
  boost::asio::steady_timer timer(executor_, deadline);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

}  // namespace stowage::kube
