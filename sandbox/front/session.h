#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <set>

#include "sandbox/apiserver/server.h"
#include "sandbox/front/http_front.h"

namespace stowage::sandbox {

class Session;

/// Shared by the front and its sessions.
struct HttpFront::State {
  State(boost::asio::io_context& c, Server& s, const Clock& k, FrontOptions o)
      : context(c), server(s), clock(k), options(std::move(o)), acceptor(c), loops(c) {}

  boost::asio::io_context& context;
  Server& server;
  const Clock& clock;
  FrontOptions options;
  boost::asio::ip::tcp::acceptor acceptor;
  boost::asio::steady_timer loops;
  std::set<std::shared_ptr<Session>> sessions;
  size_t pending_bytes = 0;  ///< Of answers that clients have not taken yet.
  bool stopping = false;
  bool loops_scheduled = false;

  /// Runs the server's own loops soon, after the answer that caused the work has been sent.
  static void schedule_loops(const std::shared_ptr<State>& state);
};

/// Starts to serve one connection.
void start_session(const std::shared_ptr<HttpFront::State>& state, boost::asio::ip::tcp::socket socket);
void close_sessions(HttpFront::State& state);

}  // namespace stowage::sandbox
