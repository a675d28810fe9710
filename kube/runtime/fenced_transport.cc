#include "kube/runtime/fenced_transport.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace stowage::kube {
namespace asio = boost::asio;

Result<void> FencedTransport::admit(HttpRequest& request) const {
  if (request.method == Method::kGet) return {};
  const MonoTime now = clock_.now();
  const MonoTime fence = closed_ ? MonoTime::min() : fence_();
  if (now >= fence) return fail(Code::kCancelled, "not sent: this process does not hold the lease");
  // Subtracted only here: MonoTime::min() - now would overflow. MonoTime::max() means no fence.
  if (fence != MonoTime::max()) {
    request.timeout = std::min(request.timeout, std::chrono::duration_cast<Millis>(fence - now));
    if (request.timeout <= Millis{0}) return fail(Code::kCancelled, "not sent: the lease is about to end");
  }
  return {};
}

asio::awaitable<Result<HttpResponse>> FencedTransport::call(HttpRequest request) {
  CO_TRY_VOID(admit(request));
  co_return co_await next_.call(std::move(request));
}

asio::awaitable<Result<std::unique_ptr<BodyStream>>> FencedTransport::open(HttpRequest request) {
  CO_TRY_VOID(admit(request));
  co_return co_await next_.open(std::move(request));
}

}  // namespace stowage::kube
