#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "kube/client/curl_transport.h"
#include "test/unit/kube/client/test_server.h"

namespace stowage::test {

class FakeClock final : public Clock {
 public:
  [[nodiscard]] MonoTime now() const override { return mono; }
  [[nodiscard]] WallTime wall() const override { return {}; }
  MonoTime mono{};
};

/// The loop that client and server share, and the client's clock.
struct ClientWorld {
  boost::asio::io_context loop;
  FakeClock clock;

  /// Runs the loop until `task` has ended.
  template <class T>
  T run(boost::asio::awaitable<T> task) {
    std::optional<T> out;
    boost::asio::co_spawn(loop, std::move(task), [&](const std::exception_ptr& problem, T value) {
      if (problem) std::rethrow_exception(problem);
      out = std::move(value);
      loop.stop();
    });
    loop.restart();
    loop.run();
    REQUIRE(out);
    return *std::move(out);
  }
  Result<kube::HttpResponse> call(kube::Transport& transport, kube::HttpRequest request) {
    return run(transport.call(std::move(request)));
  }
};

inline Reply ok(const Seen&) {
  return Reply::json(200, "{}");
}

}  // namespace stowage::test
