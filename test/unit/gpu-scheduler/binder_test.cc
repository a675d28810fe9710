#include "gpu-scheduler/binder.h"

#include <catch2/catch.hpp>

#include "test/support/scripted_transport.h"
#include "test/support/virtual_world.h"
#include "world.h"

using namespace stowage;
using namespace stowage::scheduler;
using stowage::test::make_node;
using stowage::test::make_pod;
using Reply = stowage::test::ScriptedTransport::Reply;

namespace {

const std::string kUnbound = R"({"metadata":{"name":"p","namespace":"ns","uid":"uid-p"},"spec":{}})";
const std::string kOnN =
    R"({"metadata":{"name":"p","namespace":"ns","uid":"uid-p"},"spec":{"nodeName":"n"}})";
const std::string kOnM =
    R"({"metadata":{"name":"p","namespace":"ns","uid":"uid-p"},"spec":{"nodeName":"m"}})";
const std::string kOther = R"({"metadata":{"name":"p","namespace":"ns","uid":"second"},"spec":{}})";

Reply answer(int status, std::string body) {
  return {.result = kube::HttpResponse{
              .status = status, .headers = {{"content-type", "application/json"}}, .body = std::move(body)}};
}
Reply refuse(int status, const std::string& reason) {
  return answer(status, R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":")" + reason +
                            R"(","message":"no","code":)" + std::to_string(status) + "}");
}
Reply created() {
  return answer(201, R"({"kind":"Status","apiVersion":"v1","status":"Success","code":201})");
}

/// A server that gives `binds` one after the other to POSTs, and `live` to GETs.
struct Server {
  test::VirtualWorld world;
  test::ScriptedTransport transport{world.env()};
  kube::Client client{transport, "test"};
  ClusterCache cache{"stowage", {}};
  std::vector<Reply> binds;
  Reply live = answer(200, kUnbound);
  size_t sent = 0;

  Server() {
    cache.node_changed(nullptr, make_node("n").gpus(8).ref());
    transport.on_call([this](const kube::HttpRequest& request) {
      if (request.method == kube::Method::kGet) return live;
      REQUIRE(sent < binds.size());
      return binds[sent++];
    });
  }
  BindOutcome bind() {
    Binder binder(world.env(), client, cache);
    const PlannedBind plan{.pod = make_pod("p").ref(), .unit = "u", .node = "n", .node_uid = "uid-n"};
    return world.run(binder.bind(plan));
  }
};

}  // namespace

TEST_CASE("accepted: bound, and the request carried the pod's UID") {
  Server server;
  server.binds = {created()};
  CHECK(server.bind().end == BindEnd::kBound);
  REQUIRE(server.transport.requests().size() == 1);
  CHECK(server.transport.requests()[0].target.find("/api/v1/namespaces/ns/pods/p/binding") == 0);
  CHECK(server.transport.requests()[0].body.find("uid-p") != std::string::npos);
}

TEST_CASE("the node was replaced under the same name: nothing is sent") {
  Server server;
  server.cache.node_changed(make_node("n").gpus(8).ref(), nullptr);
  server.cache.node_changed(nullptr, make_node("n").gpus(8).uid("other").ref());
  CHECK(server.bind().end == BindEnd::kRefused);
  CHECK(server.transport.requests().empty());
}

TEST_CASE("lost reply, but the bind was applied: a live read finds out") {
  Server server;
  server.binds = {Reply{.result = fail(Code::kUnavailable, "reset")}};
  server.live = answer(200, kOnN);
  CHECK(server.bind().end == BindEnd::kBound);
  CHECK(server.sent == 1);
}

TEST_CASE("lost request: the same bind is sent again") {
  Server server;
  server.binds = {Reply{.result = fail(Code::kTimeout, "slow")}, created()};
  CHECK(server.bind().end == BindEnd::kBound);
  CHECK(server.sent == 2);
}

TEST_CASE("conflict: the live pod decides") {
  for (const auto& [body, end] :
       {std::pair{kOnN, BindEnd::kBound}, std::pair{kOnM, BindEnd::kRefused},
        std::pair{kUnbound, BindEnd::kRefused}, std::pair{kOther, BindEnd::kGone}}) {
    Server server;
    server.binds = {refuse(409, "Conflict")};
    server.live = answer(200, body);
    INFO(body);
    CHECK(server.bind().end == end);
    CHECK(server.sent == 1);
  }
}

TEST_CASE("pod is gone: said so") {
  Server server;
  server.binds = {refuse(404, "NotFound")};
  CHECK(server.bind().end == BindEnd::kGone);
}

TEST_CASE("the server is unreachable for a while: nothing is forgotten before it answers") {
  Server server;
  server.binds = {Reply{.result = fail(Code::kUnavailable, "refused")}};
  int reads = 0;
  server.transport.on_call([&](const kube::HttpRequest& request) {
    if (request.method != kube::Method::kGet) return server.binds[server.sent++];
    return ++reads < 20 ? Reply{.result = fail(Code::kUnavailable, "refused")} : answer(200, kOnN);
  });
  CHECK(server.bind().end == BindEnd::kBound);
  CHECK(reads == 20);
}

TEST_CASE("the fence has passed: the end is unknown, and nothing more is asked") {
  Server server;
  server.binds = {Reply{.result = fail(Code::kCancelled, "lease lost")}};
  CHECK(server.bind().end == BindEnd::kUnknown);
  CHECK(server.transport.requests().size() == 1);
}
