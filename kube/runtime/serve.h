#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "kube/runtime/task_scope.h"

namespace stowage::kube {

/// One answer of a small HTTP server.
struct Page {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// A plain HTTP/1.1 server for /livez, /readyz and /metrics: GET and HEAD only, heads of at most 8 KiB, no
/// bodies, 10 s for a request, 64 connections at once (further ones are closed unanswered).
class PageServer {
 public:
  /// `get` answers a path (without its query) on the control thread.
  using Get = std::function<Page(const std::string& path)>;

  /// Listens on "IP:PORT", "[IPv6]:PORT" or ":PORT" (all addresses); port 0 = any free one.
  /// Errors: kInvalidArgument for the address, kUnavailable when it cannot be bound.
  static Result<std::unique_ptr<PageServer>> listen(boost::asio::any_io_executor executor,
                                                    const std::string& address, Get get);
  ~PageServer();
  /// Accepts until the scope is cancelled. The server must outlive what runs in the scope.
  void start(TaskScope& scope);
  /// "IP:PORT" that it listens on.
  [[nodiscard]] std::string address() const;

 private:
  struct Impl;
  explicit PageServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stowage::kube
