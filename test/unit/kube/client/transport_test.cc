#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <optional>

#include "kube/client/client.h"
#include "kube/client/curl_transport.h"
#include "kube/client/file_credentials.h"
#include "test/unit/kube/client/world.h"

using namespace stowage;        // NOLINT: a test
using namespace stowage::kube;  // NOLINT: a test
using namespace std::chrono_literals;
using stowage::test::ok;
using stowage::test::Reply;
using stowage::test::Seen;
using stowage::test::TestServer;
namespace asio = boost::asio;

namespace {

/// Gives token t0, t1, ... : a new one each time it is read.
class CountingCredentials final : public CredentialSource {
 public:
  Result<Credentials> read(bool rejected) override {
    rejections += rejected ? 1 : 0;
    return Credentials{.authorization = "Bearer t" + std::to_string(reads++), .ca_pem = ca_pem};
  }
  [[nodiscard]] bool can_change() const override { return true; }
  int reads = 0;
  int rejections = 0;
  std::string ca_pem = {};
};

struct World : stowage::test::ClientWorld {
  std::unique_ptr<CurlTransport> transport(const std::string& url, Credentials credentials = {},
                                           CurlTransportOptions options = {}) {
    return transport(ServerConfig{.url = url,
                                  .credentials = std::make_shared<FileCredentials>(
                                      FileCredentials::Parts{.fixed = std::move(credentials)})},
                     options);
  }
  std::unique_ptr<CurlTransport> transport(ServerConfig config, CurlTransportOptions options = {}) {
    return std::make_unique<CurlTransport>(loop.get_executor(), clock, std::move(config), options);
  }
};

const Resource kPods{.group = "", .version = "v1", .plural = "pods", .kind = "Pod"};

}  // namespace

TEST_CASE("a call: method, target, headers and body arrive; status, headers and body come back") {
  World w;
  TestServer server(w.loop.get_executor(),
                    [](const Seen&) { return Reply::json(201, R"({"a":1})", "X-Thing: Y\r\n"); });
  auto transport = w.transport(server.url(), {.authorization = "Bearer abc"});
  const auto response = w.call(*transport, {.method = Method::kPatch,
                                            .target = "/api/v1/pods/a?fieldManager=x",
                                            .headers = {{"content-type", "application/merge-patch+json"}},
                                            .body = R"({"b":2})"});
  REQUIRE(response);
  CHECK(response->status == 201);
  CHECK(response->body == R"({"a":1})");
  CHECK(std::ranges::find(response->headers, std::pair<std::string, std::string>("x-thing", "Y")) !=
        response->headers.end());
  const Seen& seen = server.requests().at(0);
  CHECK(seen.method == "PATCH");
  CHECK(seen.target == "/api/v1/pods/a?fieldManager=x");
  CHECK(seen.header("authorization") == "Bearer abc");
  CHECK(seen.header("content-type") == "application/merge-patch+json");
  CHECK(seen.body == R"({"b":2})");
}

TEST_CASE("calls in turn: one connection, and nothing of one request stays in the next") {
  World w;
  TestServer server(w.loop.get_executor(), ok);
  auto transport = w.transport(server.url());
  for (const Method method : {Method::kPost, Method::kGet, Method::kDelete, Method::kPut, Method::kGet}) {
    HttpRequest request{.method = method, .target = "/x"};
    if (method != Method::kGet) {
      request.headers.emplace_back("content-type", "application/json");
      request.body = "{}";
    }
    REQUIRE(w.call(*transport, std::move(request)));
  }
  CHECK(server.connections() == 1);
  const auto& seen = server.requests();
  CHECK(seen[0].method == "POST");
  CHECK(seen[1].method == "GET");
  CHECK(seen[1].body.empty());
  CHECK(seen[1].header("content-type").empty());
  CHECK(seen[2].method == "DELETE");
  CHECK(seen[2].body == "{}");
  CHECK(seen[3].method == "PUT");
  CHECK(seen[4].body.empty());
}

TEST_CASE("rule 21: a call without answer ends at its timeout") {
  World w;
  TestServer server(w.loop.get_executor(), [](const Seen&) { return Reply{.bytes = {}, .silent = true}; });
  auto transport = w.transport(server.url());
  const auto response = w.call(*transport, {.target = "/slow?x=1", .timeout = 30ms});
  REQUIRE_FALSE(response);
  CHECK(response.error().code == Code::kTimeout);
  CHECK(response.error().message == "no answer within 30 ms: /slow");
}

TEST_CASE("rule 21: a body above its bound, headers above theirs, and unasked compression are refused") {
  World w;
  std::string answer;
  TestServer server(w.loop.get_executor(),
                    [&](const Seen&) { return Reply{.bytes = answer, .close = true}; });
  auto transport = w.transport(server.url(), {}, {.max_body_bytes = 1000});
  answer = Reply::json(200, std::string(1000, 'x')).bytes;
  CHECK(w.call(*transport, {.target = "/"})->body.size() == 1000);
  for (const Reply& reply : {Reply::json(200, std::string(1001, 'x')),
                             Reply::json(200, "{}", "X-Big: " + std::string(70'000, 'x') + "\r\n"),
                             Reply::json(200, "gzip bytes", "Content-Encoding: gzip\r\n")}) {
    answer = reply.bytes;
    const auto response = w.call(*transport, {.target = "/"});
    REQUIRE_FALSE(response);
    CHECK(response.error().code == Code::kMalformed);
  }
}

TEST_CASE(
    "a body cut short, a closed connection and no HTTP at all are unavailable or malformed, never an "
    "answer") {
  World w;
  std::string answer;
  TestServer server(w.loop.get_executor(),
                    [&](const Seen&) { return Reply{.bytes = answer, .close = true}; });
  auto transport = w.transport(server.url());
  for (const std::string& bytes :
       {std::string(), std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        std::string("HTTP/1.1 200 OK\r\nContent-Le"), std::string("SSH-2.0-OpenSSH\r\n"),
        std::string("\0\1\2\3", 4)}) {
    answer = bytes;
    const auto response = w.call(*transport, {.target = "/"});
    REQUIRE_FALSE(response);
    CHECK((response.error().code == Code::kUnavailable || response.error().code == Code::kMalformed));
  }
}

TEST_CASE("an unreachable server: a sentence with its address") {
  World w;
  std::string url;
  {
    TestServer server(w.loop.get_executor(), ok);
    url = server.url();
  }
  auto transport = w.transport(url);
  const auto response = w.call(*transport, {.target = "/"});
  REQUIRE_FALSE(response);
  CHECK(response.error().code == Code::kUnavailable);
  CHECK(response.error().message.starts_with(url + ": "));
  CHECK(response.error().message.ends_with("(is the API server running, and is its address right?)"));
}

TEST_CASE("control bytes in a header are refused before anything is sent") {
  World w;
  TestServer server(w.loop.get_executor(), ok);
  auto transport = w.transport(server.url());
  const auto response = w.call(*transport, {.target = "/", .headers = {{"x", "a\r\nevil: 1"}}});
  REQUIRE_FALSE(response);
  CHECK(response.error().code == Code::kInvalidArgument);
  CHECK(server.requests().empty());
}

TEST_CASE("rule 20: a 401 is retried once, with credentials that were read again") {
  World w;
  auto credentials = std::make_shared<CountingCredentials>();
  std::string accepted = "Bearer t1";
  TestServer server(w.loop.get_executor(), [&](const Seen& seen) {
    return Reply::json(seen.header("authorization") == accepted ? 200 : 401, "{}");
  });
  auto transport = w.transport({.url = server.url(), .credentials = credentials});
  CHECK(w.call(*transport, {.method = Method::kPost, .target = "/", .body = "x"})->status == 200);
  CHECK(server.requests().size() == 2);
  CHECK(server.requests()[1].body == "x");
  CHECK(credentials->rejections == 1);
  accepted = "none";
  CHECK(w.call(*transport, {.target = "/"})->status == 401);
  CHECK(server.requests().size() == 4);
}

TEST_CASE("rule 20: credentials are read again within 60 s") {
  World w;
  auto credentials = std::make_shared<CountingCredentials>();
  TestServer server(w.loop.get_executor(), ok);
  auto transport = w.transport({.url = server.url(), .credentials = credentials});
  for (const auto& [wait, expect] :
       {std::pair(0s, "Bearer t0"), std::pair(20s, "Bearer t0"), std::pair(40s, "Bearer t1")}) {
    w.clock.mono += wait;
    REQUIRE(w.call(*transport, {.target = "/"}));
    CHECK(server.requests().back().header("authorization") == expect);
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("cancellation ends a call and a stream that wait") {
  World w;
  TestServer server(w.loop.get_executor(), [](const Seen& seen) {
    if (seen.target == "/call") return Reply{.bytes = {}, .silent = true};
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", .silent = true};
  });
  auto transport = w.transport(server.url());
  asio::cancellation_signal signal;
  const auto cancelled = [&](asio::awaitable<Result<int>> task, size_t after_requests) {
    std::optional<Result<int>> out;
    asio::co_spawn(
        w.loop, std::move(task),
        asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr&, Result<int> value) {
          out = std::move(value);
          w.loop.stop();
        }));
    w.loop.restart();
    while (server.requests().size() < after_requests)
      w.loop.run_one();
    w.loop.poll();
    signal.emit(asio::cancellation_type::terminal);
    w.loop.restart();
    w.loop.run();
    REQUIRE(out);
    REQUIRE_FALSE(*out);
    return out->error().code;
  };
  const auto call = [&]() -> asio::awaitable<Result<int>> {
    auto response = co_await transport->call({.target = "/call"});
    if (!response) co_return std::unexpected(response.error());
    co_return response->status;
  };
  CHECK(cancelled(call(), 1) == Code::kCancelled);
  const auto stream = [&]() -> asio::awaitable<Result<int>> {
    auto body = co_await transport->open({.target = "/stream"});
    if (!body) co_return std::unexpected(body.error());
    for (;;) {
      auto chunk = co_await (*body)->next();
      if (!chunk) co_return std::unexpected(chunk.error());
    }
  };
  CHECK(cancelled(stream(), 2) == Code::kCancelled);
}

TEST_CASE("a stream: pieces arrive in order, then its regular end") {
  World w;
  TestServer server(w.loop.get_executor(), [](const Seen&) {
    return Reply{.bytes =
                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"};
  });
  auto transport = w.transport(server.url());
  const auto read = [&]() -> asio::awaitable<std::string> {
    auto body = co_await transport->open({.target = "/"});
    if (!body) co_return body.error().message;
    std::string all = std::to_string((*body)->status()) + ":";
    for (;;) {
      auto chunk = co_await (*body)->next();
      if (!chunk) co_return chunk.error().message;
      if (!*chunk) co_return all;
      all += **chunk;
    }
  };
  CHECK(w.run(read()) == "200:abcde");
}

TEST_CASE("streams over HTTP/1.1 that never end do not wait for each other") {
  World w;
  TestServer server(w.loop.get_executor(), [](const Seen&) {
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .silent = true};
  });
  auto transport = w.transport(server.url());
  constexpr int kStreams = 12;
  int opened = 0;
  int failed = 0;
  std::vector<std::unique_ptr<kube::BodyStream>> streams;
  for (int i = 0; i < kStreams; ++i) {
    asio::co_spawn(
        w.loop,
        [&]() -> asio::awaitable<void> {
          auto body = co_await transport->open({.target = "/watch", .timeout = 3s});
          if (body) streams.push_back(*std::move(body));
          ++(body ? opened : failed);
          if (opened + failed == kStreams) w.loop.stop();
        },
        asio::detached);
  }
  w.loop.restart();
  w.loop.run_for(10s);
  CHECK(opened == kStreams);
  CHECK(failed == 0);
}

TEST_CASE("rule 9: silence on a stream ends it at the idle limit; a broken one says so") {
  World w;
  bool close = false;
  TestServer server(w.loop.get_executor(), [&](const Seen&) {
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
                 .close = close,
                 .silent = !close};
  });
  auto transport = w.transport(server.url());
  const auto read = [&]() -> asio::awaitable<Result<int>> {
    auto body = co_await transport->open({.target = "/", .idle_timeout = 30ms});
    if (!body) co_return std::unexpected(body.error());
    for (;;) {
      auto chunk = co_await (*body)->next();
      if (!chunk) co_return std::unexpected(chunk.error());
      if (!*chunk) co_return 0;
    }
  };
  CHECK(w.run(read()).error().code == Code::kTimeout);
  close = true;
  CHECK(w.run(read()).error().code == Code::kUnavailable);
}

TEST_CASE("client: a Status becomes an Error, and a refused stream too") {
  World w;
  TestServer server(w.loop.get_executor(), [](const Seen&) {
    return Reply::json(429, R"({"kind":"Status","message":"slow down","code":429})", "Retry-After: 5\r\n");
  });
  auto transport = w.transport(server.url());
  Client client(*transport, "test/1");
  const Result<std::string> got = w.run(client.get(kPods, "ns", "a"));
  REQUIRE_FALSE(got);
  CHECK(got.error().code == Code::kTooManyRequests);
  CHECK(got.error().message == "slow down");
  CHECK(got.error().retry_after == Millis(5s));
  CHECK(server.requests()[0].header("user-agent") == "test/1");
  CHECK(server.requests()[0].header("accept") == "application/json");
  const auto open = [&]() -> asio::awaitable<Error> {
    auto stream = co_await client.open({.target = "/api/v1/pods?watch=1"});
    co_return stream ? Error{} : stream.error();
  };
  CHECK(w.run(open()).code == Code::kTooManyRequests);
}

TEST_CASE("rule 14: a proxy's page with status 200 is no answer to a write") {
  World w;
  TestServer server(w.loop.get_executor(),
                    [](const Seen&) { return Reply::json(200, "<html><body>It works!</body></html>"); });
  auto transport = w.transport(server.url());
  Client client(*transport, "test/1");
  const auto bound = w.run(client.bind({.ns = "ns", .pod = "p", .pod_uid = "U-1", .node = "n"}));
  REQUIRE_FALSE(bound);
  CHECK(bound.error().code == Code::kUnavailable);
  CHECK(w.run(client.get(kPods, "ns", "p")));
}

TEST_CASE("rule 16: binds, deletes and evictions carry the UID") {
  World w;
  TestServer server(w.loop.get_executor(), ok);
  auto transport = w.transport(server.url());
  Client client(*transport, "test/1");
  CHECK(w.run(client.bind({.ns = "ns", .pod = "p", .pod_uid = "U-1", .node = "n"})));
  CHECK(w.run(
      client.remove(kPods, "ns", "p", {.uid = "U-2", .grace_seconds = 0, .propagation = "Background"})));
  CHECK(w.run(client.evict("ns", "p", {.uid = "U-3"})));
  const auto& seen = server.requests();
  CHECK(seen[0].target == "/api/v1/namespaces/ns/pods/p/binding");
  CHECK(seen[0].body.find(R"("uid":"U-1")") != std::string::npos);
  CHECK(seen[0].body.find(R"("name":"n")") != std::string::npos);
  CHECK(seen[1].method == "DELETE");
  CHECK(seen[1].body.find(R"("preconditions":{"uid":"U-2"})") != std::string::npos);
  CHECK(seen[1].body.find(R"("gracePeriodSeconds":0)") != std::string::npos);
  CHECK(seen[2].target == "/api/v1/namespaces/ns/pods/p/eviction");
  CHECK(seen[2].body.find(R"("preconditions":{"uid":"U-3"})") != std::string::npos);
}

TEST_CASE(
    "rule 17: applies and patches have their own content types and a field manager; force only where asked") {
  World w;
  TestServer server(w.loop.get_executor(), ok);
  auto transport = w.transport(server.url());
  Client client(*transport, "test/1");
  CHECK(w.run(client.apply(kPods, "ns", "p", "{}", {.field_manager = "m", .force = true}, "status")));
  CHECK(w.run(
      client.merge_patch(kPods, "ns", "p", "{}", {.field_manager = "m", .force = true, .dry_run = true})));
  CHECK(w.run(client.strategic_patch(kPods, "ns", "p", "{}")));
  CHECK(w.run(client.apply(kPods, "ns", "p", "{}", {})).error().code == Code::kInvalidArgument);
  const auto& seen = server.requests();
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].target == "/api/v1/namespaces/ns/pods/p/status?fieldManager=m&force=true");
  CHECK(seen[0].header("content-type") == "application/apply-patch+yaml");
  CHECK(seen[1].target == "/api/v1/namespaces/ns/pods/p?fieldManager=m&dryRun=All");
  CHECK(seen[1].header("content-type") == "application/merge-patch+json");
  CHECK(seen[2].target == "/api/v1/namespaces/ns/pods/p");
  CHECK(seen[2].header("content-type") == "application/strategic-merge-patch+json");
}

TEST_CASE("more calls at once than connections: each waits its turn and is answered") {
  World w;
  TestServer server(w.loop.get_executor(), ok);
  auto transport = w.transport(server.url());
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    asio::co_spawn(w.loop, transport->call({.target = "/x"}),
                   [&](const std::exception_ptr& problem, const Result<HttpResponse>& response) {
                     if (problem) std::rethrow_exception(problem);
                     CHECK(response);
                     if (++answered == 50) w.loop.stop();
                   });
  }
  w.loop.run();
  CHECK(answered == 50);
  CHECK(server.connections() <= 4);
}

TEST_CASE("rule 9: a peer that vanished is noticed within 10 s, by an idle stream and by a call under way") {
  World w;
  TestServer server(w.loop.get_executor(), [](const Seen& seen) {
    if (seen.target == "/call") return Reply::json(200, "{}");
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", .silent = true};
  });
  auto transport = w.transport(server.url());
  // Both connections are in use and fine; then nothing arrives any more, and nobody says so.
  auto stream = w.run(transport->open({.target = "/watch"}));
  REQUIRE(stream);
  REQUIRE(w.run((*stream)->next()));
  REQUIRE(w.call(*transport, {.target = "/call"}));
  server.vanish();
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::pair<Code, std::chrono::steady_clock::duration>> ends;
  const auto note = [&](const auto& result) {
    REQUIRE_FALSE(result);
    ends.emplace_back(result.error().code, std::chrono::steady_clock::now() - begin);
    if (ends.size() == 2) w.loop.stop();
  };
  asio::co_spawn(
      w.loop, (*stream)->next(),
      [&](const std::exception_ptr&, const Result<std::optional<std::string>>& piece) { note(piece); });
  asio::co_spawn(w.loop, transport->call({.target = "/call", .timeout = 60s}),
                 [&](const std::exception_ptr&, const Result<HttpResponse>& response) { note(response); });
  w.loop.restart();
  w.loop.run();
  REQUIRE(ends.size() == 2);
  for (const auto& [code, after] : ends) {
    CHECK(code == Code::kUnavailable);
    CHECK(after < 10s);
  }
}
