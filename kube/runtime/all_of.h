#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "base/result.h"

namespace stowage::kube {

/// Runs `tasks` side by side on the caller's executor and returns when the last has ended: their results, in
/// the order of `tasks`. One that fails does not stop the others. A caller that is cancelled cancels them and
/// waits for their ends, so they may use what the caller owns.
boost::asio::awaitable<std::vector<Result<void>>> all_of(
    std::vector<boost::asio::awaitable<Result<void>>> tasks);

}  // namespace stowage::kube
