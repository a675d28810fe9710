#include "kube/runtime/serve.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "test/support/virtual_world.h"

using namespace stowage;
using kube::Page;
using kube::PageServer;
namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

namespace {

/// A server on a free loopback port and clients on the same loop.
struct Pages {
  test::VirtualWorld world;
  std::vector<std::string> asked;
  std::unique_ptr<PageServer> server;
  kube::TaskScope scope{world.env()};

  Pages() {
    auto listening =
        PageServer::listen(world.io().get_executor(), "127.0.0.1:0", [this](const std::string& path) {
          asked.push_back(path);
          if (path == "/readyz") return Page{.status = 503, .body = "waiting for pods to sync\n"};
          if (path == "/livez") return Page{.body = "ok\n"};
          return Page{.status = 404, .body = "no such page\n"};
        });
    REQUIRE(listening);
    server = std::move(*listening);
    server->start(scope);
  }
  /// The server outlives what runs in its scope.
  ~Pages() {
    scope.cancel();
    run_until([this] { return scope.running() == 0; });
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  [[nodiscard]] tcp::endpoint endpoint() const {
    const std::string address = server->address();
    const size_t colon = address.rfind(':');
    return {asio::ip::make_address(address.substr(0, colon)),
            static_cast<uint16_t>(std::stoi(address.substr(colon + 1)))};
  }
  /// Runs the loop in real time until `done`; false after 5 s.
  bool run_until(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    world.io().restart();
    while (!done() && std::chrono::steady_clock::now() < limit)
      world.io().run_one_for(std::chrono::milliseconds(20));
    return done();
  }
  /// What comes back for these bytes until the server has nothing more to say or ends the connection.
  std::string say(const std::string& bytes) {
    std::optional<std::string> answer;
    asio::co_spawn(world.io(), talk(bytes, answer), asio::detached);
    REQUIRE(run_until([&] { return answer.has_value(); }));
    return *answer;
  }
  asio::awaitable<void> talk(std::string bytes, std::optional<std::string>& answer) {
    tcp::socket socket(world.io());
    co_await socket.async_connect(endpoint(), kTuple);
    co_await asio::async_write(socket, asio::buffer(bytes), kTuple);
    std::string text;
    co_await asio::async_read(socket, asio::dynamic_buffer(text), kTuple);
    answer = std::move(text);
  }
};

std::string request(const std::string& line, const std::string& more = {}) {
  return line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + more + "\r\n";
}

}  // namespace

TEST_CASE("GET: the page's status, type and body; the query is not part of its path") {
  Pages pages;
  const std::string alive = pages.say(request("GET /livez?verbose=1"));
  CHECK_THAT(alive, Catch::StartsWith("HTTP/1.1 200") && Catch::EndsWith("\r\n\r\nok\n") &&
                        Catch::Contains("Cache-Control: no-store"));
  CHECK_THAT(pages.say(request("GET /readyz")),
             Catch::StartsWith("HTTP/1.1 503") && Catch::EndsWith("waiting for pods to sync\n"));
  CHECK_THAT(pages.say(request("GET /etc/passwd")), Catch::StartsWith("HTTP/1.1 404"));
  CHECK(pages.asked == std::vector<std::string>{"/livez", "/readyz", "/etc/passwd"});
}

TEST_CASE("HEAD: the length of the body and no body; other methods: 405, and no page is asked") {
  Pages pages;
  CHECK_THAT(pages.say(request("HEAD /livez")),
             Catch::Contains("Content-Length: 3") && Catch::EndsWith("\r\n\r\n"));
  pages.asked.clear();
  for (const char* method : {"POST", "DELETE", "PUT", "OPTIONS"})
    CHECK_THAT(pages.say(request(std::string(method) + " /livez")), Catch::StartsWith("HTTP/1.1 405"));
  CHECK(pages.asked.empty());
}

TEST_CASE("two requests on one connection: both are answered, in order") {
  Pages pages;
  const std::string both = pages.say("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + request("GET /readyz"));
  CHECK(both.find("200 OK") < both.find("503 Service Unavailable"));
  CHECK(pages.asked == std::vector<std::string>{"/livez", "/readyz"});
}

TEST_CASE("bytes that are no request, a head above 8 KiB, a body: the connection ends, others are served") {
  Pages pages;
  for (const std::string& bytes : {std::string("\x16\x03\x01\x02 no http at all\r\n\r\n"),
                                   request("GET /livez", "X-Big: " + std::string(9000, 'x') + "\r\n"),
                                   request("POST /livez", "Content-Length: 5\r\n") + "12345"}) {
    const std::string answer = pages.say(bytes);
    CHECK(answer.find("200") == std::string::npos);
  }
  CHECK(pages.asked.empty());
  CHECK_THAT(pages.say(request("GET /livez")), Catch::StartsWith("HTTP/1.1 200"));
}

TEST_CASE("64 idle connections: a further one is ended at once, and taken once one of them has gone") {
  Pages pages;
  std::vector<tcp::socket> idle;
  for (int i = 0; i < 64; ++i) {
    idle.emplace_back(pages.world.io());
    idle.back().connect(pages.endpoint());
  }
  CHECK(pages.say(request("GET /livez")).empty());
  idle.pop_back();
  std::string answer;
  CHECK(pages.run_until([&] { return !(answer = pages.say(request("GET /livez"))).empty(); }));
  CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 200"));
}

TEST_CASE("a scope that is cancelled: idle connections and the port are given up") {
  Pages pages;
  tcp::socket idle(pages.world.io());
  idle.connect(pages.endpoint());
  REQUIRE_FALSE(pages.say(request("GET /livez")).empty());
  pages.scope.cancel();
  CHECK(pages.run_until([&] { return pages.scope.running() == 0; }));
}

TEST_CASE("addresses: what is no IP:PORT, and one that is taken, are refused with a sentence") {
  test::VirtualWorld world;
  const auto get = [](const std::string&) { return Page{}; };
  for (const char* wrong : {"", "8080", "localhost:80", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "[::1]"}) {
    CAPTURE(wrong);
    const auto server = PageServer::listen(world.io().get_executor(), wrong, get);
    REQUIRE_FALSE(server);
    CHECK(server.error().code == Code::kInvalidArgument);
    CHECK_THAT(server.error().message, Catch::Contains("must be IP:PORT"));
  }
  const auto first = PageServer::listen(world.io().get_executor(), "127.0.0.1:0", get);
  REQUIRE(first);
  const auto second = PageServer::listen(world.io().get_executor(), (*first)->address(), get);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::kUnavailable);
  CHECK_THAT(second.error().message, Catch::Contains("choose another address with --serve-address"));
}
