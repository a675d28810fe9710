#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "base/clock.h"
#include "kube/client/credentials.h"
#include "kube/client/transport.h"

namespace stowage::kube {

struct CurlTransportOptions {
  /// Credentials older than this are read again (files may have been rotated); at most 60 s.
  Millis credential_age{30'000};
  size_t max_body_bytes = size_t{128} << 20;  ///< Of one response; of unread bytes of a stream.
};

/// Transport over libcurl: HTTP/2 with all calls on one connection and all streams on another (per 100
/// streams), TLS with client certificates or tokens, proxies. A 401 is retried once with credentials that
/// were read again. Redirects are not followed, compression is not asked for.
///
/// One thread: that of `executor`. Every coroutine of it must have ended before it is destroyed.
class CurlTransport final : public Transport {
 public:
  /// `clock` outlives the transport. The first read of the credentials happens with the first request.
  CurlTransport(boost::asio::any_io_executor executor, const Clock& clock, ServerConfig server,
                CurlTransportOptions options = {});
  ~CurlTransport() override;

  boost::asio::awaitable<Result<HttpResponse>> call(HttpRequest request) override;
  boost::asio::awaitable<Result<std::unique_ptr<BodyStream>>> open(HttpRequest request) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stowage::kube
