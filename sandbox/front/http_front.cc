#include "sandbox/front/http_front.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>

#include "sandbox/front/session.h"

namespace stowage::sandbox {
namespace {

namespace asio = boost::asio;

void accept_next(const std::shared_ptr<HttpFront::State>& state) {
  state->acceptor.async_accept([state](const boost::system::error_code& error, asio::ip::tcp::socket socket) {
    if (state->stopping) return;
    if (!error && state->sessions.size() < state->options.max_connections)
      start_session(state, std::move(socket));
    if (!error || error == asio::error::connection_aborted) return accept_next(state);
    // Out of descriptors: wait for some to be closed instead of spinning.
    auto timer = std::make_shared<asio::steady_timer>(state->context, std::chrono::milliseconds(100));
    timer->async_wait([state, timer](const boost::system::error_code&) {
      if (!state->stopping) accept_next(state);
    });
  });
}

}  // namespace

HttpFront::HttpFront(asio::io_context& context, Server& server, const Clock& clock, FrontOptions options)
    : state_(std::make_shared<State>(context, server, clock, std::move(options))) {}

HttpFront::~HttpFront() {
  stop();
}

Result<uint16_t> HttpFront::listen() {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(state_->options.address, error);
  if (error || !address.is_loopback()) {
    return fail(Code::kInvalidArgument,
                fmt::format("{}: the sandbox serves plain HTTP and listens on loopback addresses only",
                            state_->options.address));
  }
  const asio::ip::tcp::endpoint endpoint(address, state_->options.port);
  auto& acceptor = state_->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(Code::kUnavailable,
                fmt::format("cannot listen on {}:{}: {}; choose another --port, or 0 for any",
                            state_->options.address, state_->options.port, error.message()));
  }
  accept_next(state_);
  return acceptor.local_endpoint().port();
}

void HttpFront::stop() {
  if (state_->stopping) return;
  state_->stopping = true;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  state_->loops.cancel();
  close_sessions(*state_);
}

size_t HttpFront::connections() const {
  return state_->sessions.size();
}

}  // namespace stowage::sandbox
