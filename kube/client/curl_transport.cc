#include "kube/client/curl_transport.h"

#include <mutex>

#include "base/check.h"
#include "kube/client/curl_session.h"

namespace stowage::kube {
namespace {

using std::chrono::steady_clock;

void init_curl_once() {
  static std::once_flag flag;
  std::call_once(flag, [] { STOWAGE_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == 0, "curl_global_init"); });
}

Error timed_out(const HttpRequest& request, const char* what) {
  return {.code = Code::kTimeout,
          .message = std::string(what) + " within " + std::to_string(request.timeout.count()) +
                     " ms: " + request.target.substr(0, request.target.find('?'))};
}

Error gave_up() {
  return {.code = Code::kCancelled, .message = "the request was cancelled"};
}

}  // namespace

struct CurlTransport::Impl {
  boost::asio::any_io_executor executor;
  const Clock& clock;
  ServerConfig server;
  CurlTransportOptions options;
  std::shared_ptr<CurlSession> session = {};
  MonoTime read_at = {};
  std::optional<WallTime> expires = {};

  /// The session to use now; credentials are read again when they are old, about to expire, or rejected.
  Result<std::shared_ptr<CurlSession>> current(bool rejected) {
    const MonoTime now = clock.now();
    if (session && !rejected) {
      if (!server.credentials->can_change()) return session;
      const bool ending = expires && *expires <= clock.wall();
      if (!ending && now - read_at < options.credential_age) return session;
    }
    auto credentials = server.credentials->read(rejected);
    if (!credentials) {
      // A file that is being rotated may be missing for a moment: what we have may still be good.
      if (session && !rejected && !expires) return session;
      return std::unexpected(std::move(credentials).error());
    }
    read_at = now;
    expires = credentials->expires;
    if (session && session->credentials().same_tls(*credentials)) {
      session->set_authorization(std::move(credentials->authorization));
    } else {
      session =
          std::make_shared<CurlSession>(executor, server, *std::move(credentials), options.max_body_bytes);
    }
    return session;
  }
};

namespace {

class CurlStream final : public BodyStream {
 public:
  CurlStream(CurlSession::Lease transfer, HttpRequest request)
      : request_(std::move(request)), transfer_(std::move(transfer)) {}

  [[nodiscard]] CurlSession::Lease& transfer() { return transfer_; }
  [[nodiscard]] const HttpRequest& request() const { return request_; }
  [[nodiscard]] int status() const override { return status_; }
  [[nodiscard]] const Headers& headers() const override { return headers_; }
  void take_head() {
    status_ = transfer_->status();
    headers_ = std::move(transfer_->headers());
  }

  boost::asio::awaitable<Result<std::optional<std::string>>> next() override {
    const auto silence = request_.idle_timeout.count() > 0 ? steady_clock::now() + request_.idle_timeout
                                                           : steady_clock::time_point::max();
    while (transfer_->body().empty() && !transfer_->done()) {
      const auto wake = co_await transfer_->changed(silence);
      if (wake == CurlTransfer::Wake::kChanged) continue;
      if (wake == CurlTransfer::Wake::kCancelled) co_return std::unexpected(gave_up());
      co_return fail(Code::kTimeout,
                     "nothing arrived for " + std::to_string(request_.idle_timeout.count()) + " ms");
    }
    if (!transfer_->body().empty()) co_return std::exchange(transfer_->body(), {});
    if (auto end = transfer_->outcome(); !end) co_return std::unexpected(std::move(end).error());
    co_return std::nullopt;
  }

 private:
  HttpRequest request_;  // before the transfer, which points into it
  CurlSession::Lease transfer_;
  int status_ = 0;
  Headers headers_;
};

}  // namespace

CurlTransport::CurlTransport(boost::asio::any_io_executor executor, const Clock& clock, ServerConfig server,
                             CurlTransportOptions options) {
  init_curl_once();
  impl_ = std::make_unique<Impl>(
      Impl{.executor = std::move(executor), .clock = clock, .server = std::move(server), .options = options});
}

CurlTransport::~CurlTransport() = default;

boost::asio::awaitable<Result<HttpResponse>> CurlTransport::call(HttpRequest request) {
  const auto deadline = steady_clock::now() + request.timeout;
  for (bool retry = false;; retry = true) {
    CO_TRY(auto session, impl_->current(retry));
    CurlSession::Lease transfer = session->lease(false);
    CO_TRY_VOID(transfer->start(request, session->credentials().authorization, false));
    while (!transfer->done()) {
      const auto wake = co_await transfer->changed(deadline);
      if (wake == CurlTransfer::Wake::kChanged) continue;
      if (wake == CurlTransfer::Wake::kCancelled) co_return std::unexpected(gave_up());
      co_return std::unexpected(timed_out(request, "no answer"));
    }
    if (auto outcome = transfer->outcome(); !outcome) co_return std::unexpected(std::move(outcome).error());
    if (transfer->status() == 401 && !retry && impl_->server.credentials->can_change()) continue;
    co_return HttpResponse{.status = transfer->status(),
                           .headers = std::move(transfer->headers()),
                           .body = std::exchange(transfer->body(), {})};
  }
}

boost::asio::awaitable<Result<std::unique_ptr<BodyStream>>> CurlTransport::open(HttpRequest request) {
  const auto deadline = steady_clock::now() + request.timeout;
  for (bool retry = false;; retry = true) {
    CO_TRY(auto session, impl_->current(retry));
    auto stream = std::make_unique<CurlStream>(session->lease(true), request);
    CurlSession::Lease& transfer = stream->transfer();
    CO_TRY_VOID(transfer->start(stream->request(), session->credentials().authorization, true));
    while (!transfer->head_complete() && !transfer->done()) {
      const auto wake = co_await transfer->changed(deadline);
      if (wake == CurlTransfer::Wake::kChanged) continue;
      if (wake == CurlTransfer::Wake::kCancelled) co_return std::unexpected(gave_up());
      co_return std::unexpected(timed_out(request, "no answer"));
    }
    if (!transfer->head_complete()) {
      auto outcome = transfer->outcome();
      co_return std::unexpected(std::move(outcome).error());
    }
    if (transfer->status() == 401 && !retry && impl_->server.credentials->can_change()) continue;
    stream->take_head();
    co_return std::unique_ptr<BodyStream>(std::move(stream));
  }
}

}  // namespace stowage::kube
