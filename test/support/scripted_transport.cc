#include "test/support/scripted_transport.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "base/check.h"

namespace stowage::test {
namespace asio = boost::asio;
using kube::HttpRequest;
using kube::HttpResponse;

/// The client's side.
class ScriptedBody final : public kube::BodyStream {
 public:
  explicit ScriptedBody(std::shared_ptr<ScriptedStream> script) : script_(std::move(script)) {}
  ~ScriptedBody() override { script_->open_ = false; }
  ScriptedBody(const ScriptedBody&) = delete;
  ScriptedBody& operator=(const ScriptedBody&) = delete;

  [[nodiscard]] int status() const override { return script_->status_; }
  [[nodiscard]] const kube::Headers& headers() const override { return headers_; }
  asio::awaitable<Result<std::optional<std::string>>> next() override;

 private:
  std::shared_ptr<ScriptedStream> script_;
  kube::Headers headers_;
};

asio::awaitable<Result<std::optional<std::string>>> ScriptedBody::next() {
  const auto script = script_;
  const Millis idle = script->request_.idle_timeout;
  const MonoTime deadline = script->env_.clock.now() + idle;
  while (script->chunks_.empty()) {
    if (script->broken_) co_return std::unexpected(*script->broken_);
    if (script->ended_) co_return std::optional<std::string>{};
    if (idle <= Millis{0}) {
      co_await script->changed_.wait();
    } else if (!co_await script->changed_.wait_until(deadline)) {
      co_return fail(Code::kTimeout, "the stream was silent for too long");
    }
  }
  std::optional<std::string> chunk = std::move(script->chunks_.front());
  script->chunks_.pop_front();
  co_return chunk;
}

void ScriptedStream::push(std::string chunk) {
  chunks_.push_back(std::move(chunk));
  changed_.notify_all();
}

void ScriptedStream::end() {
  ended_ = true;
  changed_.notify_all();
}

void ScriptedStream::fail(Error error) {
  broken_ = std::move(error);
  changed_.notify_all();
}

asio::awaitable<Result<HttpResponse>> ScriptedTransport::call(HttpRequest request) {
  requests_.push_back(request);
  STOWAGE_CHECK(on_call_, "the test has not said what calls answer: " + request.target);
  Reply reply = on_call_(request);
  if (reply.after > request.timeout) {
    co_await env_.sleep_for(request.timeout);
    co_return fail(Code::kTimeout, "no answer in time");
  }
  co_await env_.sleep_for(reply.after);
  co_return std::move(reply.result);
}

asio::awaitable<Result<std::unique_ptr<kube::BodyStream>>> ScriptedTransport::open(HttpRequest request) {
  requests_.push_back(request);
  co_await env_.sleep_for(Millis{0});
  const auto refusal = on_open_ ? on_open_(request) : std::nullopt;
  if (refusal && !*refusal) co_return std::unexpected(refusal->error());
  auto stream =
      std::make_shared<ScriptedStream>(env_, std::move(request), refusal ? (*refusal)->status : 200);
  if (refusal) {
    stream->respond((*refusal)->body);
  } else {
    streams_.push_back(stream);
  }
  co_return std::make_unique<ScriptedBody>(std::move(stream));
}

ScriptedStream& ScriptedTransport::stream() const {
  STOWAGE_CHECK(!streams_.empty(), "no stream was opened");
  return *streams_.back();
}

size_t ScriptedTransport::writes() const {
  size_t count = 0;
  for (const HttpRequest& request : requests_)
    count += request.method == kube::Method::kGet ? 0 : 1;
  return count;
}

HttpResponse status_response(int status, std::string_view reason, std::string_view message) {
  return {
      .status = status,
      .headers = {{"content-type", "application/json"}},
      .body = fmt::format(
          R"({{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"{}","message":"{}","code":{}}})",
          reason, message, status)};
}

HttpResponse ok_response(std::string body) {
  return {.status = 200, .headers = {{"content-type", "application/json"}}, .body = std::move(body)};
}

std::string watch_event(std::string_view type, std::string_view object) {
  return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object);
}

std::string bookmark(std::string_view kind, std::string_view resource_version, bool initial_events_end) {
  const std::string_view annotation =
      initial_events_end ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "";
  return watch_event(
      "BOOKMARK", fmt::format(R"({{"kind":"{}","apiVersion":"v1","metadata":{{"resourceVersion":"{}"{}}}}})",
                              kind, resource_version, annotation));
}

std::string list_body(std::string_view kind, std::string_view resource_version,
                      const std::vector<std::string>& items, std::string_view continue_token) {
  return fmt::format(
      R"({{"kind":"{}List","apiVersion":"v1","metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
      kind, resource_version, continue_token, fmt::join(items, ","));
}

std::string object_json(std::string_view kind, std::string_view ns, std::string_view name,
                        std::string_view uid, std::string_view resource_version) {
  return fmt::format(
      R"({{"kind":"{}","apiVersion":"v1","metadata":{{"namespace":"{}","name":"{}","uid":"{}","resourceVersion":"{}"}}}})",
      kind, ns, name, uid, resource_version);
}

}  // namespace stowage::test
