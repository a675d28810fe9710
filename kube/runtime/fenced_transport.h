#pragma once

#include <functional>

#include "base/clock.h"
#include "kube/client/transport.h"

namespace stowage::kube {

/// Lets writes through only while this process may act: every method but GET is refused (kCancelled) once
/// the fence has passed on the monotonic clock, and a write's deadline never lies behind the fence. Reads
/// pass always: caches stay warm on standbys.
class FencedTransport final : public Transport {
 public:
  /// `fence` gives the last moment for a write; MonoTime::min() = none now. All outlive the transport.
  FencedTransport(Transport& next, const Clock& clock, std::function<MonoTime()> fence)
      : next_(next), clock_(clock), fence_(std::move(fence)) {}

  /// From now on and for ever no write is sent, whatever the fence function says.
  void close() { closed_ = true; }

  boost::asio::awaitable<Result<HttpResponse>> call(HttpRequest request) override;
  boost::asio::awaitable<Result<std::unique_ptr<BodyStream>>> open(HttpRequest request) override;

 private:
  [[nodiscard]] Result<void> admit(HttpRequest& request) const;

  Transport& next_;
  const Clock& clock_;
  std::function<MonoTime()> fence_;
  bool closed_ = false;
};

}  // namespace stowage::kube
