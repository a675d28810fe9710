#include "kube/runtime/fenced_transport.h"

#include <catch2/catch.hpp>

#include "kube/runtime/metered_transport.h"
#include "kube/runtime/metrics.h"
#include "test/support/scripted_transport.h"
#include "test/support/virtual_world.h"

using namespace stowage;
using kube::FencedTransport;
using kube::HttpRequest;
using kube::MeteredTransport;
using kube::Method;
using kube::Metrics;
using test::ScriptedTransport;
using test::VirtualWorld;

namespace {

struct Fixture {
  Fixture() {
    server.on_call(
        [](const HttpRequest&) { return ScriptedTransport::Reply{.result = test::ok_response("{}")}; });
  }
  Code call(Method method) {
    auto result = world.run(fenced.call({.method = method, .target = "/x"}));
    return result ? Code::kInternal : result.error().code;
  }

  VirtualWorld world;
  ScriptedTransport server{world.env()};
  MonoTime fence = MonoTime::min();
  FencedTransport fenced{server, world.clock(), [this] { return fence; }};
};

}  // namespace

TEST_CASE("rule 30, I9: without a lease no method but GET is sent") {
  Fixture f;
  for (const Method method : {Method::kPost, Method::kPut, Method::kPatch, Method::kDelete})
    CHECK(f.call(method) == Code::kCancelled);
  CHECK(f.server.requests().empty());
  f.call(Method::kGet);
  CHECK(f.server.requests().size() == 1);
}

TEST_CASE("rule 30, I9: a write passes until the fence and not at it, and its deadline is cut to the fence") {
  Fixture f;
  f.fence = f.world.clock().now() + Millis{1'500};
  f.call(Method::kPost);
  REQUIRE(f.server.writes() == 1);
  CHECK(f.server.requests().back().timeout == Millis{1'500});
  f.world.run_for(Millis{1'500});
  CHECK(f.call(Method::kPost) == Code::kCancelled);
  CHECK(f.server.writes() == 1);
}

TEST_CASE("rule 30: once closed, a fence that moves on opens nothing again") {
  Fixture f;
  f.fence = MonoTime::max();
  f.call(Method::kDelete);
  REQUIRE(f.server.writes() == 1);
  CHECK(f.server.requests().back().timeout == HttpRequest{}.timeout);
  f.fenced.close();
  CHECK(f.call(Method::kDelete) == Code::kCancelled);
  CHECK(f.server.writes() == 1);
}

TEST_CASE("metrics: requests are counted by method and code, failures to get an answer as <error>") {
  Fixture f;
  Metrics metrics;
  MeteredTransport metered(f.server, f.world.clock(), metrics, "h:1");
  f.world.run(metered.call({.method = Method::kPost, .target = "/x"}));
  f.server.on_call([](const HttpRequest&) {
    return ScriptedTransport::Reply{.result = fail(Code::kUnavailable, "connection refused")};
  });
  f.world.run(metered.call({.target = "/x"}));
  const auto stream = f.world.run(metered.open({.target = "/x?watch=1"}));
  CHECK(stream);
  const std::string page = metrics.scrape();
  INFO(page);
  CHECK(page.find("rest_client_requests_total{code=\"200\",host=\"h:1\",method=\"POST\"} 1") !=
        std::string::npos);
  CHECK(page.find("rest_client_requests_total{code=\"<error>\",host=\"h:1\",method=\"GET\"} 1") !=
        std::string::npos);
  CHECK(page.find("rest_client_requests_total{code=\"200\",host=\"h:1\",method=\"GET\"} 1") !=
        std::string::npos);
}
