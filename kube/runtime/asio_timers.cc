#include "kube/runtime/asio_timers.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace stowage::kube {

boost::asio::awaitable<bool> AsioTimers::reached(MonoTime deadline) {
  boost::asio::steady_timer timer(executor_, deadline);
  const auto [error] = co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  co_return !error;
}

}  // namespace stowage::kube
