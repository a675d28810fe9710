#include "sandbox/front/session.h"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "sandbox/apiserver/watch.h"

namespace stowage::sandbox {

namespace beast = boost::beast;
namespace http = beast::http;
namespace asio = boost::asio;

namespace {

constexpr size_t kWatchBatchBytes =
    256 * 1024;  // What one write of a watch carries at most, but for its last frame.

constexpr std::chrono::milliseconds kFollowInterval{500};  // How often a followed log is looked at.
constexpr size_t kDrainBytes = size_t{16} << 20;           // Of a request that is refused before it was read.
constexpr std::chrono::seconds kDrainTime{2};

ApiError bad_http(int code, std::string reason, std::string message) {
  ApiError error;
  error.code = code;
  error.reason = std::move(reason);
  error.message = std::move(message);
  return error;
}

}  // namespace

/// One connection: request, answer, request, ... until a watch or the end.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<HttpFront::State> state, asio::ip::tcp::socket socket)
      : state_(std::move(state)),
        stream_(std::move(socket)),
        bookmark_timer_(state_->context),
        end_timer_(state_->context) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(state_->options.max_body_bytes);
    parser_->header_limit(static_cast<std::uint32_t>(state_->options.max_header_bytes));
    stream_.expires_after(state_->options.idle_timeout);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_header(error); });
  }

  void close() {
    watch_.reset();
    text_.reset();
    bookmark_timer_.cancel();
    end_timer_.cancel();
    beast::error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    stream_.close();
    state_->sessions.erase(shared_from_this());
  }

 private:
  void on_header(beast::error_code error) {
    if (error || parser_->is_done()) return on_read(error);
    // curl and others wait for this line before they send a large body.
    if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return read_body();
    static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kGoOn),
                      [self = shared_from_this()](beast::error_code failure, std::size_t) {
                        if (failure) return self->close();
                        self->read_body();
                      });
  }

  void read_body() {
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_read(error); });
  }

  void on_read(beast::error_code error) {
    if (error == http::error::body_limit)
      return refuse(
          bad_http(413, "RequestEntityTooLarge",
                   "Request entity too large: limit is " + std::to_string(state_->options.max_body_bytes)));
    if (error == http::error::header_limit)
      return refuse(bad_http(431, "BadRequest", "the request's headers are too large"));
    if (error && error.category() == make_error_code(http::error::end_of_stream).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return refuse(bad_http(400, "BadRequest", "not a valid HTTP request: " + error.message()));
    }
    if (error) return close();
    const auto& message = parser_->get();
    Request request;
    request.method = message.method_string();
    std::string_view target(message.target().data(), message.target().size());
    if (const size_t scheme = target.find("://"); scheme != std::string_view::npos && target.front() != '/') {
      const size_t slash = target.find('/', scheme + 3);  // what a proxy is asked: http://host/path
      target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
    request.path = target.substr(0, target.find('?'));
    if (const size_t mark = target.find('?'); mark != std::string_view::npos)
      request.query = target.substr(mark + 1);
    request.accept = message[http::field::accept];
    request.content_type = message[http::field::content_type];
    request.user_agent = message[http::field::user_agent];
    request.user = "sandbox-admin";
    keep_alive_ = message.keep_alive();
    head_only_ = message.method() == http::verb::head;
    if (head_only_) request.method = "GET";
    request.body = std::move(parser_->get().body());
    Response answer = state_->server.handle(request, state_->clock.wall());
    HttpFront::State::schedule_loops(state_);
    if (answer.watch) return start_watch(std::move(answer));
    if (answer.stream) return start_text(std::move(answer));
    if (state_->pending_bytes + answer.body.size() > state_->options.max_pending_bytes &&
        state_->pending_bytes > 0)
      return refuse(bad_http(429, "TooManyRequests", "too many answers wait for their clients; ask again"));
    send(std::move(answer));
  }

  void refuse(const ApiError& error) {
    keep_alive_ = false;
    draining_ = true;
    Response answer;
    answer.status = error.code;
    answer.body = error.to_status_json();
    send(std::move(answer));
  }

  void send(Response answer) {
    response_.emplace();
    response_->result(static_cast<unsigned>(answer.status));
    response_->version(11);
    response_->set(http::field::content_type, answer.content_type);
    response_->set(http::field::cache_control, "no-cache, private");
    for (const auto& [name, value] : answer.headers)
      response_->insert(name, value);
    response_->keep_alive(keep_alive_);
    response_->body() = std::move(answer.body);
    response_->prepare_payload();
    if (head_only_) response_->body().clear();
    stream_.expires_after(state_->options.idle_timeout);
    const size_t bytes = response_->body().size();
    state_->pending_bytes += bytes;
    http::async_write(stream_, *response_,
                      [self = shared_from_this(), bytes](beast::error_code error, std::size_t) {
                        self->state_->pending_bytes -= bytes;
                        self->response_.reset();
                        if (!error && self->draining_) return self->drain(kDrainBytes);
                        if (error || !self->keep_alive_) return self->close();
                        self->read();
                      });
  }

  /// Closing with unread bytes resets the connection, and the client would never see why it was refused: what
  /// it still sends is read and forgotten, for a moment.
  void drain(size_t left) {
    beast::error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    buffer_.clear();
    stream_.expires_after(kDrainTime);
    stream_.async_read_some(buffer_.prepare(64 * 1024),
                            [self = shared_from_this(), left](beast::error_code error, std::size_t got) {
                              if (error || got >= left) return self->close();
                              self->drain(left - got);
                            });
  }

  void start_watch(Response answer) {
    watch_ = std::move(answer.watch);
    stream_.expires_never();
    std::weak_ptr<Session> weak = weak_from_this();
    watch_->on_change([weak] {
      // From inside a Server call: look at the watch only after it has returned.
      if (auto self = weak.lock())
        asio::post(self->state_->context, [weak] {
          if (auto again = weak.lock()) again->pump();
        });
    });
    if (watch_->timeout()) {
      end_timer_.expires_after(*watch_->timeout());
      end_timer_.async_wait([weak](beast::error_code error) {
        if (auto self = weak.lock(); self && !error) self->finish_watch();
      });
    }
    schedule_bookmark();
    out_ = chunked_head("application/json");
    expect_close();
    pump();
  }

  static std::string chunked_head(std::string_view type) {
    return "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) +
           "\r\nCache-Control: no-cache, private\r\nTransfer-Encoding: chunked\r\n\r\n";
  }

  void start_text(Response answer) {
    text_ = std::move(answer.stream);
    stream_.expires_never();
    out_ = chunked_head(answer.content_type);
    if (!answer.body.empty()) add_chunk(answer.body);
    expect_close();
    follow();
  }

  /// A reader that is behind is not asked for more: the stream knows where it was.
  void follow() {
    if (!text_ || finishing_) return;
    if (!writing_) {
      if (const std::string news = text_->next(state_->clock.wall()); !news.empty()) add_chunk(news);
      if (text_->ended()) {
        finishing_ = true;
        out_ += "0\r\n\r\n";
      }
    }
    flush();
    end_timer_.expires_after(kFollowInterval);
    end_timer_.async_wait([weak = weak_from_this()](beast::error_code error) {
      if (auto self = weak.lock(); self && !error) self->follow();
    });
  }

  /// A client that goes away is only seen by reading; nothing is expected on this connection any more.
  void expect_close() {
    stream_.socket().async_wait(asio::ip::tcp::socket::wait_read,
                                [weak = weak_from_this()](beast::error_code error) {
                                  auto self = weak.lock();
                                  if (!self || !self->streaming()) return;
                                  char byte = 0;
                                  beast::error_code failure;
                                  self->stream_.socket().non_blocking(true, failure);
                                  const size_t got = self->stream_.socket().receive(
                                      asio::buffer(&byte, 1), asio::socket_base::message_peek, failure);
                                  if (error || (got == 0 && failure != asio::error::would_block))
                                    self->close();
                                });
  }

  void schedule_bookmark() {
    bookmark_timer_.expires_after(state_->options.bookmark_interval);
    bookmark_timer_.async_wait([weak = weak_from_this()](beast::error_code error) {
      auto self = weak.lock();
      if (!self || error || !self->watch_) return;
      if (auto frame = self->watch_->bookmark(self->state_->server.version())) self->add_chunk(*frame);
      self->schedule_bookmark();
      self->pump();
    });
  }

  [[nodiscard]] bool streaming() const { return watch_ != nullptr || text_ != nullptr; }

  void add_chunk(const std::string& frame) {
    char size[24];
    const int width = std::snprintf(size, sizeof size, "%zx\r\n", frame.size());
    out_.append(size, static_cast<size_t>(width));
    out_ += frame;
    out_ += "\r\n";
  }

  void finish_watch() {
    if (!watch_ || finishing_) return;
    finishing_ = true;
    if (auto frame = watch_->bookmark(state_->server.version())) add_chunk(*frame);
    out_ += "0\r\n\r\n";
    flush();
  }

  void pump() {
    if (!watch_ || writing_ || finishing_) return;
    while (out_.size() < kWatchBatchBytes) {
      auto frame = watch_->next();
      if (!frame) break;
      add_chunk(*frame);
    }
    if (watch_->ended() && out_.size() < kWatchBatchBytes) {
      finishing_ = true;
      out_ += "0\r\n\r\n";
    }
    flush();
  }

  void flush() {
    if (writing_ || out_.empty()) return;
    writing_ = true;
    sending_ = std::move(out_);
    out_.clear();
    stream_.expires_after(state_->options.stall_timeout);
    asio::async_write(stream_, asio::buffer(sending_),
                      [self = shared_from_this()](beast::error_code error, std::size_t) {
                        self->writing_ = false;
                        self->stream_.expires_never();
                        if (!self->streaming()) return;
                        if (error) return self->close();
                        if (!self->out_.empty()) return self->flush();
                        if (self->finishing_) return self->close();
                        self->pump();
                      });
  }

  std::shared_ptr<HttpFront::State> state_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  bool keep_alive_ = true;
  bool head_only_ = false;
  bool draining_ = false;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<TextStream> text_;
  asio::steady_timer bookmark_timer_, end_timer_;
  std::string out_, sending_;
  bool writing_ = false;
  bool finishing_ = false;
};

void HttpFront::State::schedule_loops(const std::shared_ptr<State>& state) {
  if (state->loops_scheduled || !state->server.has_work()) return;
  state->loops_scheduled = true;
  // A few milliseconds gather the work of a burst: garbage collection looks at every object once a run.
  state->loops.expires_after(std::chrono::milliseconds(20));
  state->loops.async_wait([state](beast::error_code error) {
    state->loops_scheduled = false;
    if (error || state->stopping) return;
    const bool changed = state->server.step(state->clock.wall());
    if (changed) schedule_loops(state);
  });
}

void start_session(const std::shared_ptr<HttpFront::State>& state, asio::ip::tcp::socket socket) {
  beast::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  auto session = std::make_shared<Session>(state, std::move(socket));
  state->sessions.insert(session);
  session->read();
}

void close_sessions(HttpFront::State& state) {
  const auto sessions = state.sessions;
  for (const auto& session : sessions)
    session->close();
}

}  // namespace stowage::sandbox
