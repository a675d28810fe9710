#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "kube/core/http.h"

namespace stowage::kube {

/// An open response whose body arrives in pieces (a watch, a long list). Destroying it closes the stream.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  [[nodiscard]] virtual int status() const = 0;
  [[nodiscard]] virtual const Headers& headers() const = 0;
  /// The next piece of the body; nullopt at its regular end.
  /// Errors: kTimeout after HttpRequest::idle_timeout of silence, kUnavailable when the connection broke.
  virtual boost::asio::awaitable<Result<std::optional<std::string>>> next() = 0;
};

/// The seam between logic and network: libcurl in the processes, the embedded API server in simulation,
/// a script in unit tests. Credentials, TLS and connections live behind it.
///
/// Both calls honour Asio cancellation. An HTTP status is not an error here; a failure to get one is
/// (kUnavailable, kTimeout, kCancelled, kMalformed for broken framing or a body above its bound).
class Transport {
 public:
  virtual ~Transport() = default;
  virtual boost::asio::awaitable<Result<HttpResponse>> call(HttpRequest request) = 0;
  virtual boost::asio::awaitable<Result<std::unique_ptr<BodyStream>>> open(HttpRequest request) = 0;
};

}  // namespace stowage::kube
