#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kube/client/transport.h"
#include "kube/runtime/environment.h"
#include "sandbox/apiserver/server.h"

namespace stowage::sandbox {

/// What happens to one request on its way. The default is a perfect network.
struct CallFate {
  enum class Kind {
    kDelivered,       ///< Applied and answered.
    kLostBefore,      ///< Never reached the server: kUnavailable.
    kLostReply,       ///< Applied, but the caller sees kUnavailable.
    kDuplicated,      ///< Applied twice; the caller sees the second answer.
    kAnswered,        ///< The server is not asked: `status` and `body` come back instead.
    kTruncated,       ///< Applied; the caller gets half of the answer.
    kSwallowed,       ///< Nothing happens until the caller's deadline: it was cut off, or it is dead.
    kSwallowedReply,  ///< Applied; then the same.
  };
  Kind kind = Kind::kDelivered;
  Millis to_server{0};  ///< Before it is applied.
  Millis to_client{0};  ///< From there until the answer arrives.
  int status = 503;
  std::string retry_after = {};
  std::string body = {};
  Millis noticed_after{0};  ///< Swallowed: the dead connection is noticed then; 0 = at the deadline.
  std::function<void()> before = {};  ///< Runs just before the server applies the request.
};

/// What happens to a watch from here on.
struct StreamFate {
  Millis delay{0};         ///< Each piece arrives this much later.
  bool break_now = false;  ///< The connection ends: kUnavailable.
  bool end_now = false;    ///< The server ends the stream, perhaps in the middle of a frame.
  bool cut_frame = false;  ///< With end_now: after half a frame.
  bool expire = false;     ///< An ERROR event of 410 Gone instead of what comes next.
  bool drip = false;       ///< This piece arrives in two.
};

/// Decides the fate of each request: nothing happens by itself in a simulation.
class Network {
 public:
  virtual ~Network() = default;
  /// May rewrite the request: what the server gets is what stands in it then.
  virtual CallFate on_call(kube::HttpRequest& request) = 0;
  virtual StreamFate on_stream(const std::string& target) = 0;
  /// The server has just applied (or refused) a request; nothing else has happened since.
  virtual void on_applied(const kube::HttpRequest& /*request*/, int /*status*/) {}
};

/// A Transport that calls an embedded API server in the same process, under the environment's time.
class InProcessTransport final : public kube::Transport {
 public:
  /// `server` and `network` outlive the transport and its streams; `network` may be null. `user` is who asks.
  InProcessTransport(kube::Environment env, Server& server, std::string user, Network* network = nullptr)
      : env_(env), server_(server), user_(std::move(user)), network_(network) {}

  boost::asio::awaitable<Result<kube::HttpResponse>> call(kube::HttpRequest request) override;
  boost::asio::awaitable<Result<std::unique_ptr<kube::BodyStream>>> open(kube::HttpRequest request) override;

 private:
  Response apply(const kube::HttpRequest& request);

  kube::Environment env_;
  Server& server_;
  std::string user_;
  Network* network_;
};

}  // namespace stowage::sandbox
