#include "kube/runtime/environment.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace stowage::kube {

boost::asio::awaitable<void> Timers::sleep_until(MonoTime deadline) {
  if (!co_await reached(deadline)) throw boost::system::system_error(boost::asio::error::operation_aborted);
}

}  // namespace stowage::kube
