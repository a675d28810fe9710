#include "sandbox/inprocess/transport.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "kube/runtime/notifier.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/watch.h"

namespace stowage::sandbox {
namespace {

using boost::asio::awaitable;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string header(const kube::Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (lower(key) == name) return value;
  }
  return {};
}

kube::Headers lower_headers(const Response& response) {
  kube::Headers out{{"content-type", response.content_type}};
  for (const auto& [name, value] : response.headers)
    out.emplace_back(lower(name), value);
  return out;
}

kube::HttpResponse to_http(Response response) {
  kube::Headers headers = lower_headers(response);
  return {.status = response.status, .headers = std::move(headers), .body = std::move(response.body)};
}

std::unexpected<Error> timed_out(const kube::HttpRequest& request) {
  return fail(Code::kTimeout, "no answer to " + request.target + " within its deadline");
}

/// A response whose body is already there, in one piece.
class WholeBody final : public kube::BodyStream {
 public:
  explicit WholeBody(kube::HttpResponse response) : response_(std::move(response)) {}
  [[nodiscard]] int status() const override { return response_.status; }
  [[nodiscard]] const kube::Headers& headers() const override { return response_.headers; }
  awaitable<Result<std::optional<std::string>>> next() override {
    if (std::exchange(sent_, true)) co_return std::nullopt;
    co_return std::move(response_.body);
  }

 private:
  kube::HttpResponse response_;
  bool sent_ = false;
};

constexpr std::string_view kExpired =
    R"({"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
    R"("message":"too old resource version","reason":"Expired","code":410}})"
    "\n";

class WatchBody final : public kube::BodyStream {
 public:
  WatchBody(kube::Environment env, Response response, const kube::HttpRequest& request, Network* network)
      : env_(env),
        watch_(std::move(response.watch)),
        headers_(lower_headers(response)),
        target_(request.target),
        idle_(request.idle_timeout),
        network_(network),
        news_(std::make_shared<kube::Notifier>(env)) {
    if (const auto timeout = watch_->timeout()) ends_ = env_.clock.now() + *timeout;
    watch_->on_change([news = std::weak_ptr(news_)] {
      if (const auto alive = news.lock()) alive->notify_all();
    });
  }

  [[nodiscard]] int status() const override { return 200; }
  [[nodiscard]] const kube::Headers& headers() const override { return headers_; }

  awaitable<Result<std::optional<std::string>>> next() override {
    const MonoTime silent_until = env_.clock.now() + idle_;
    while (true) {
      const StreamFate fate = network_ != nullptr ? network_->on_stream(target_) : StreamFate{};
      if (fate.break_now) co_return fail(Code::kUnavailable, "the watch connection was reset");
      if (fate.expire) {
        finished_ = true;
        co_return std::string(kExpired);
      }
      std::string chunk = std::exchange(rest_, {});
      while (auto frame = watch_->next())
        chunk += *frame;
      if (fate.end_now) {
        if (!fate.cut_frame || chunk.empty()) co_return std::nullopt;
        finished_ = true;
        co_return chunk.substr(0, chunk.size() / 2);
      }
      if (!chunk.empty()) {
        if (fate.drip) {
          rest_ = chunk.substr(chunk.size() / 2);
          chunk.resize(chunk.size() / 2);
        }
        if (fate.delay > Millis{0}) co_await env_.sleep_for(fate.delay);
        co_return std::move(chunk);
      }
      const MonoTime now = env_.clock.now();
      if (finished_ || watch_->ended() || (ends_ && *ends_ <= now)) co_return std::nullopt;
      if (idle_ > Millis{0} && silent_until <= now)
        co_return fail(Code::kTimeout, "the watch was silent for too long");
      co_await wait(silent_until);
    }
  }

 private:
  awaitable<void> wait(MonoTime silent_until) {
    std::optional<MonoTime> deadline = ends_;
    if (idle_ > Millis{0}) deadline = deadline ? std::min(*deadline, silent_until) : silent_until;
    if (deadline) {
      co_await news_->wait_until(*deadline);
    } else {
      co_await news_->wait();
    }
  }

  kube::Environment env_;
  std::unique_ptr<Watch> watch_;
  kube::Headers headers_;
  std::string target_;
  Millis idle_;
  Network* network_;
  std::shared_ptr<kube::Notifier> news_;
  std::optional<MonoTime> ends_ = {};
  std::string rest_;  ///< The second half of a piece that drips.
  bool finished_ = false;
};

}  // namespace

Response InProcessTransport::apply(const kube::HttpRequest& request) {
  const size_t question = request.target.find('?');
  return server_.handle(
      Request{.method = method_name(request.method),
              .path = request.target.substr(0, question),
              .query = question == std::string::npos ? "" : request.target.substr(question + 1),
              .accept = header(request.headers, "accept"),
              .content_type = header(request.headers, "content-type"),
              .user_agent = header(request.headers, "user-agent"),
              .user = user_,
              .body = request.body},
      env_.clock.wall());
}

awaitable<Result<kube::HttpResponse>> InProcessTransport::call(kube::HttpRequest request) {
  const CallFate fate = network_ != nullptr ? network_->on_call(request) : CallFate{};
  const MonoTime deadline = env_.clock.now() + request.timeout;
  const auto travel = [&](Millis wait) { return std::min(env_.clock.now() + wait, deadline); };
  const auto noticed = [&] { return fate.noticed_after > Millis{0} ? travel(fate.noticed_after) : deadline; };

  if (fate.kind == CallFate::Kind::kSwallowed) {
    co_await env_.timers.sleep_until(noticed());
    co_return timed_out(request);
  }
  if (fate.to_server > Millis{0}) co_await env_.timers.sleep_until(travel(fate.to_server));
  if (env_.clock.now() >= deadline) co_return timed_out(request);
  if (fate.kind == CallFate::Kind::kLostBefore)
    co_return fail(Code::kUnavailable, "connection reset before the request was sent");
  if (fate.kind == CallFate::Kind::kAnswered) {
    kube::HttpResponse answer{
        .status = fate.status, .headers = {{"content-type", "application/json"}}, .body = fate.body};
    if (!fate.retry_after.empty()) answer.headers.emplace_back("retry-after", fate.retry_after);
    co_return answer;
  }
  if (fate.before) fate.before();
  kube::HttpResponse answer = to_http(apply(request));
  if (network_ != nullptr) network_->on_applied(request, answer.status);
  if (fate.kind == CallFate::Kind::kDuplicated) {
    answer = to_http(apply(request));
    network_->on_applied(request, answer.status);
  }
  if (fate.kind == CallFate::Kind::kSwallowedReply) {
    co_await env_.timers.sleep_until(noticed());
    co_return timed_out(request);
  }
  if (fate.to_client > Millis{0}) co_await env_.timers.sleep_until(travel(fate.to_client));
  if (env_.clock.now() >= deadline) co_return timed_out(request);
  if (fate.kind == CallFate::Kind::kLostReply)
    co_return fail(Code::kUnavailable, "connection reset while the answer was awaited");
  if (fate.kind == CallFate::Kind::kTruncated) answer.body.resize(answer.body.size() / 2);
  co_return answer;
}

awaitable<Result<std::unique_ptr<kube::BodyStream>>> InProcessTransport::open(kube::HttpRequest request) {
  const CallFate fate = network_ != nullptr ? network_->on_call(request) : CallFate{};
  if (fate.kind == CallFate::Kind::kSwallowed) {
    co_await env_.sleep_for(fate.noticed_after > Millis{0} ? std::min(fate.noticed_after, request.timeout)
                                                           : request.timeout);
    co_return timed_out(request);
  }
  if (fate.to_server > Millis{0}) co_await env_.sleep_for(fate.to_server);
  if (fate.kind == CallFate::Kind::kLostBefore || fate.kind == CallFate::Kind::kLostReply) {
    co_return fail(Code::kUnavailable, "connection reset");
  }
  if (fate.kind == CallFate::Kind::kAnswered) {
    co_return std::make_unique<WholeBody>(kube::HttpResponse{
        .status = fate.status, .headers = {{"content-type", "application/json"}}, .body = fate.body});
  }
  Response response = apply(request);
  if (!response.watch) co_return std::make_unique<WholeBody>(to_http(std::move(response)));
  co_return std::make_unique<WatchBody>(env_, std::move(response), request, network_);
}

}  // namespace stowage::sandbox
