#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace boost::asio {
class io_context;
}

namespace stowage::sandbox {

class Server;

struct FrontOptions {
  std::string address = "127.0.0.1";  ///< Plain HTTP: loopback only.
  uint16_t port = 0;                  ///< 0 = any free port.
  size_t max_connections = 12'000;    ///< Further clients are closed at once.
  size_t max_body_bytes = size_t{3} << 20;
  size_t max_header_bytes = 64 * 1024;
  Millis idle_timeout = std::chrono::seconds(90);   ///< Between requests, and for a request to arrive whole.
  Millis stall_timeout = std::chrono::seconds(30);  ///< A watcher that takes nothing for so long is dropped.
  size_t max_pending_bytes = size_t{512} << 20;     ///< Answers on their way to all clients; beyond it 429.
  Millis bookmark_interval = std::chrono::seconds(60);  ///< Of watches that ask for bookmarks.
};

/// Serves a Server over HTTP/1.1: keep-alive, chunked watches, bounded requests. Everything runs on the
/// io_context, whose one thread is the only one that touches the Server.
class HttpFront {
 public:
  /// Borrows all three; they must outlive the front.
  HttpFront(boost::asio::io_context& context, Server& server, const Clock& clock, FrontOptions options);
  ~HttpFront();

  /// Binds and listens. Result: the port. Errors: kInvalidArgument for an address that is not loopback,
  /// kUnavailable when the port is taken.
  Result<uint16_t> listen();
  /// Closes the listener and every connection.
  void stop();
  [[nodiscard]] size_t connections() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace stowage::sandbox
