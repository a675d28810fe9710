#include "test/unit/kube/client/test_server.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace stowage::test {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

std::string Seen::header(const std::string& name) const {
  const auto it = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  return it == headers.end() ? "" : it->second;
}

Reply Reply::json(int status, const std::string& body, const std::string& extra_headers) {
  return {.bytes = "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" +
                   extra_headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body};
}

struct TestServer::Impl {
  Impl(asio::any_io_executor executor, Handler handler_in)
      : acceptor(executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        handler(std::move(handler_in)) {}

  template <class Stream>
  asio::awaitable<void> serve(Stream& stream) {
    boost::beast::flat_buffer buffer;
    for (;;) {
      http::request<http::string_body> request;
      const auto [error, size] = co_await http::async_read(stream, buffer, request, kTuple);
      if (error) co_return;
      Seen seen{.method = std::string(request.method_string()), .target = std::string(request.target())};
      for (const auto& field : request) {
        std::string name(field.name_string());
        std::ranges::transform(name, name.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        seen.headers.emplace_back(std::move(name), std::string(field.value()));
      }
      seen.body = request.body();
      requests.push_back(seen);
      const Reply reply = handler(requests.back());
      const auto [broken, written] = co_await asio::async_write(stream, asio::buffer(reply.bytes), kTuple);
      if (broken || reply.close) co_return;
      if (!reply.silent) continue;
      asio::steady_timer forever(acceptor.get_executor(), asio::steady_timer::time_point::max());
      co_await forever.async_wait(kTuple);
    }
  }

  asio::awaitable<void> connection(tcp::socket socket) {
    if (!context) {
      co_await serve(socket);
      co_return;
    }
    asio::ssl::stream<tcp::socket> stream(std::move(socket), *context);
    const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kTuple);
    if (!error) co_await serve(stream);
  }

  // Static, with the owner as a parameter: a coroutine starts after the call, when `this` may be gone
  // already.
  static asio::awaitable<void> accept(std::shared_ptr<Impl> self) {
    for (;;) {
      auto [error, socket] = co_await self->acceptor.async_accept(kTuple);
      if (error) co_return;
      ++self->connections;
      self->handles.push_back(socket.native_handle());
      asio::co_spawn(self->acceptor.get_executor(), keep(self, std::move(socket)), asio::detached);
    }
  }
  static asio::awaitable<void> keep(std::shared_ptr<Impl> self, tcp::socket socket) {
    co_await self->connection(std::move(socket));
  }

  tcp::acceptor acceptor;
  Handler handler;
  std::optional<asio::ssl::context> context;
  std::vector<Seen> requests;
  int connections = 0;
  std::vector<int> handles;
};

TestServer::TestServer(asio::any_io_executor executor, Handler handler)
    : impl_(std::make_shared<Impl>(executor, std::move(handler))) {
  asio::co_spawn(executor, Impl::accept(impl_), asio::detached);
}

TestServer::TestServer(asio::any_io_executor executor, Handler handler, const KeyPair& tls,
                       const std::string& client_ca)
    : impl_(std::make_shared<Impl>(executor, std::move(handler))) {
  auto& context = impl_->context.emplace(asio::ssl::context::tls_server);
  context.use_certificate_chain(asio::buffer(tls.cert));
  context.use_private_key(asio::buffer(tls.key), asio::ssl::context::pem);
  if (!client_ca.empty()) {
    context.add_certificate_authority(asio::buffer(client_ca));
    context.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  }
  asio::co_spawn(executor, Impl::accept(impl_), asio::detached);
}

TestServer::~TestServer() {
  impl_->acceptor.close();
}

std::string TestServer::url() const {
  return (impl_->context ? "https://127.0.0.1:" : "http://127.0.0.1:") +
         std::to_string(impl_->acceptor.local_endpoint().port());
}

const std::vector<Seen>& TestServer::requests() const {
  return impl_->requests;
}

int TestServer::connections() const {
  return impl_->connections;
}

void TestServer::vanish() {
  // A packet filter that drops everything: the kernel does not even acknowledge, as it would for a process
  // that is merely stopped.
  sock_filter drop{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0};
  const sock_fprog program{.len = 1, .filter = &drop};
  for (const int handle : impl_->handles)
    ::setsockopt(handle, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
  impl_->acceptor.close();
}

}  // namespace stowage::test
