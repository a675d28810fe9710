#include "kube/runtime/serve.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <utility>

#include "kube/runtime/notifier.h"

namespace stowage::kube {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr size_t kMaxConnections = 64;
constexpr uint32_t kMaxHead = 8 * 1024;
constexpr std::chrono::seconds kRequestTime{10};

Result<tcp::endpoint> parse_address(const std::string& text) {
  const auto wrong = [&] {
    return fail(Code::kInvalidArgument,
                "the serving address \"" + text + "\" must be IP:PORT, e.g. 127.0.0.1:8080 or :8080");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return wrong();
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data() + colon + 1, end, port);
  if (failed != std::errc{} || stop != end) return wrong();
  std::string host = text.substr(0, colon);
  if (host.empty()) return tcp::endpoint(tcp::v6(), port);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) return wrong();
  return tcp::endpoint(address, port);
}

}  // namespace

struct PageServer::Impl {
  Impl(const asio::any_io_executor& executor, Get get_in) : acceptor(executor), get(std::move(get_in)) {}

  asio::awaitable<void> accept(TaskScope& scope);
  asio::awaitable<void> serve(tcp::socket socket);
  http::response<http::string_body> answer(const http::request<http::empty_body>& request) const;

  tcp::acceptor acceptor;
  Get get;
  size_t connections = 0;
};

asio::awaitable<void> PageServer::Impl::accept(TaskScope& scope) {
  for (;;) {
    error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    // Out of descriptors, or a peer that left at once: the next accept decides.
    if (error || connections >= kMaxConnections) continue;
    ++connections;
    scope.spawn("page", serve(std::move(socket)));
  }
}

asio::awaitable<void> PageServer::Impl::serve(tcp::socket socket) {
  struct Count {
    size_t& connections;
    ~Count() { --connections; }
  } const count{connections};
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer(kMaxHead);
  for (;;) {
    stream.expires_after(kRequestTime);
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kMaxHead);
    parser.body_limit(0);
    error_code error;
    co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    const auto response = answer(parser.get());
    co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
    if (error || response.need_eof()) co_return;
  }
}

http::response<http::string_body> PageServer::Impl::answer(
    const http::request<http::empty_body>& request) const {
  const bool head = request.method() == http::verb::head;
  Page page{.status = 405, .body = "only GET and HEAD\n"};
  if (head || request.method() == http::verb::get) {
    const std::string target(request.target());
    page = get(target.substr(0, target.find('?')));
  }
  http::response<http::string_body> out(static_cast<http::status>(page.status), request.version());
  out.set(http::field::content_type, page.content_type);
  out.set(http::field::cache_control, "no-store");
  out.keep_alive(request.keep_alive());
  const size_t length = page.body.size();
  if (!head) out.body() = std::move(page.body);
  out.prepare_payload();
  if (head) out.content_length(length);
  return out;
}

Result<std::unique_ptr<PageServer>> PageServer::listen(asio::any_io_executor executor,
                                                       const std::string& address, Get get) {
  TRY(const tcp::endpoint endpoint, parse_address(address));
  auto impl = std::make_unique<Impl>(std::move(executor), std::move(get));
  error_code error;
  impl->acceptor.open(endpoint.protocol(), error);
  if (!error) impl->acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && endpoint.protocol() == tcp::v6()) {
    error_code ignored;
    impl->acceptor.set_option(asio::ip::v6_only(false), ignored);
  }
  if (!error) impl->acceptor.bind(endpoint, error);
  if (!error) impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(Code::kUnavailable, "cannot listen on " + address + ": " + error.message() +
                                        "; choose another address with --serve-address");
  }
  return std::unique_ptr<PageServer>(new PageServer(std::move(impl)));
}

PageServer::PageServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PageServer::~PageServer() = default;

void PageServer::start(TaskScope& scope) {
  scope.spawn("page server", impl_->accept(scope));
}

std::string PageServer::address() const {
  error_code error;
  const auto endpoint = impl_->acceptor.local_endpoint(error);
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

}  // namespace stowage::kube
