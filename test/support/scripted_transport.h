#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/client/transport.h"
#include "kube/runtime/environment.h"
#include "kube/runtime/notifier.h"

namespace stowage::test {

/// The server's side of one open stream, in the hands of the test.
class ScriptedStream {
 public:
  ScriptedStream(kube::Environment env, kube::HttpRequest request, int status)
      : env_(env), request_(std::move(request)), status_(status), changed_(env) {}

  void push(std::string chunk);
  /// The body's regular end, after what was pushed.
  void end();
  /// The connection breaks, after what was pushed.
  void fail(Error error);
  /// A whole answer: one chunk and the end.
  void respond(std::string body) {
    push(std::move(body));
    end();
  }
  [[nodiscard]] const kube::HttpRequest& request() const { return request_; }
  /// False once the client has dropped the stream.
  [[nodiscard]] bool is_open() const { return open_; }

 private:
  friend class ScriptedBody;
  kube::Environment env_;
  kube::HttpRequest request_;
  int status_;
  std::deque<std::string> chunks_;
  std::optional<Error> broken_;
  bool ended_ = false;
  bool open_ = true;
  kube::Notifier changed_;
};

/// A server that is a function. Calls are answered by `on_call`; streams are accepted and handed to the test
/// as ScriptedStreams, or refused by `on_open`.
class ScriptedTransport final : public kube::Transport {
 public:
  struct Reply {
    Result<kube::HttpResponse> result = kube::HttpResponse{};
    Millis after{0};  ///< Virtual time until it arrives; beyond the request's timeout it is a kTimeout.
  };
  using OnCall = std::function<Reply(const kube::HttpRequest&)>;
  /// Nullopt = accept.
  using OnOpen = std::function<std::optional<Result<kube::HttpResponse>>(const kube::HttpRequest&)>;

  explicit ScriptedTransport(kube::Environment env) : env_(env) {}

  void on_call(OnCall handler) { on_call_ = std::move(handler); }
  void on_open(OnOpen handler) { on_open_ = std::move(handler); }

  boost::asio::awaitable<Result<kube::HttpResponse>> call(kube::HttpRequest request) override;
  boost::asio::awaitable<Result<std::unique_ptr<kube::BodyStream>>> open(kube::HttpRequest request) override;

  /// Everything that was sent, in order: calls and streams.
  [[nodiscard]] const std::vector<kube::HttpRequest>& requests() const { return requests_; }
  /// All streams that were accepted, in order.
  [[nodiscard]] const std::vector<std::shared_ptr<ScriptedStream>>& streams() const { return streams_; }
  /// The latest stream; the test fails when there is none.
  [[nodiscard]] ScriptedStream& stream() const;
  /// Number of requests that are not GETs.
  [[nodiscard]] size_t writes() const;

 private:
  kube::Environment env_;
  OnCall on_call_;
  OnOpen on_open_;
  std::vector<kube::HttpRequest> requests_;
  std::vector<std::shared_ptr<ScriptedStream>> streams_;
};

/// A Status answer as the API server writes it.
kube::HttpResponse status_response(int status, std::string_view reason, std::string_view message);
/// A 200 with this body.
kube::HttpResponse ok_response(std::string body);

/// One watch event: {"type":...,"object":...}\n.
std::string watch_event(std::string_view type, std::string_view object);
/// A bookmark; with `initial_events_end` the one that ends a streaming list.
std::string bookmark(std::string_view kind, std::string_view resource_version,
                     bool initial_events_end = false);
/// A List of raw items.
std::string list_body(std::string_view kind, std::string_view resource_version,
                      const std::vector<std::string>& items, std::string_view continue_token = {});
/// {"metadata":{...}} with these four, and "kind": enough for an informer.
std::string object_json(std::string_view kind, std::string_view ns, std::string_view name,
                        std::string_view uid, std::string_view resource_version);

}  // namespace stowage::test
