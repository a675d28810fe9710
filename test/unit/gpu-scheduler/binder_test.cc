#include "gpu-scheduler/binder.h"

#include <boost/asio/awaitable.hpp>
#include <catch2/catch.hpp>
#include <map>
#include <optional>

#include "test/support/scripted_transport.h"
#include "test/support/virtual_world.h"
#include "world.h"

using namespace stowage;
using namespace stowage::scheduler;
namespace asio = boost::asio;
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

TEST_CASE("others took the room between two sends: refused, and not sent again") {
  for (const int64_t foreign : {5, 6}) {
    Server server;
    server.cache.pod_changed(nullptr,
                             make_pod("p").gpus(3).on("n").ref());  // counted already, as when assumed
    server.binds = {Reply{.result = fail(Code::kUnavailable, "overloaded")}, created()};
    server.transport.on_call([&](const kube::HttpRequest& request) {
      if (request.method == kube::Method::kGet) return server.live;
      if (server.sent == 0)
        server.cache.pod_changed(nullptr, make_pod("foreign").gpus(foreign).foreign().on("n").ref());
      return server.binds[server.sent++];
    });
    INFO(foreign);
    const BindOutcome outcome = server.bind();
    CHECK(outcome.end == (foreign == 5 ? BindEnd::kBound : BindEnd::kRefused));
    CHECK(server.sent == (foreign == 5 ? 2 : 1));
    if (foreign == 6) CHECK(outcome.message == "others took the room on node n meanwhile");
  }
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

namespace {

/// A gang of two whose claims, "ns/p-data" and "ns/q-data", somebody provisions.
struct Volumes {
  std::map<std::string, std::shared_ptr<const api::PersistentVolumeClaim>> claims;
  test::VirtualWorld world;
  test::ScriptedTransport transport{world.env()};
  kube::Client client{transport, "test"};
  ClusterCache cache{"stowage", {.claim = [this](std::string_view key) {
                       const auto it = claims.find(std::string(key));
                       return it == claims.end() ? nullptr : it->second;
                     }}};
  std::vector<PlannedBind> plans;
  std::optional<BindOutcome> end;

  Volumes() {
    cache.node_changed(nullptr, make_node("n").gpus(8).ref());
    transport.on_call([](const kube::HttpRequest&) { return answer(200, "{}"); });
    for (const std::string name : {"p", "q"}) {
      claim(name + "-data", "", "Pending");
      cache.pod_changed(nullptr, make_pod(name).gpus(1).group("g", 2).ref());
      plans.push_back({.pod = make_pod(name).gpus(1).group("g", 2).ref(),
                       .unit = "u",
                       .node = "n",
                       .node_uid = "uid-n",
                       .claims = {"ns/" + name + "-data"}});
    }
  }
  void claim(const std::string& name, const std::string& selected, const std::string& phase) {
    auto out = std::make_shared<api::PersistentVolumeClaim>();
    out->meta.ns = "ns";
    out->meta.name = name;
    out->meta.uid = "uid-" + name;
    if (!selected.empty()) out->meta.annotations["volume.kubernetes.io/selected-node"] = selected;
    out->phase = phase;
    if (phase == "Bound") out->volume_name = "volume";
    claims["ns/" + name] = out;
  }
  void prepare(Millis limit) {
    world.spawn(run(limit));
    world.run_for(Millis{1'000});
  }
  asio::awaitable<void> run(Millis limit) {
    Binder binder(world.env(), client, cache);
    end = co_await binder.prepare_claims(plans, limit);
  }
};

}  // namespace

TEST_CASE("a gang with volumes: every claim is told its node at once, and none is bound before all can be") {
  Volumes gang;
  gang.prepare(Millis{60'000});
  CHECK(gang.transport.writes() == 2);
  gang.claim("p-data", "n", "Bound");
  gang.claim("q-data", "n", "Pending");
  gang.world.run_for(Millis{10'000});
  CHECK_FALSE(gang.end);
  gang.claim("q-data", "n", "Bound");
  gang.world.run_for(Millis{1'000});
  REQUIRE(gang.end);
  CHECK(gang.end->end == BindEnd::kBound);
}

TEST_CASE("a gang whose volumes do not come within gang.timeout: refused, and the message names the limit") {
  Volumes gang;
  gang.claim("p-data", "n", "Bound");
  gang.claim("q-data", "n", "Pending");
  gang.prepare(Millis{30'000});
  gang.world.run_for(Millis{28'000});
  CHECK_FALSE(gang.end);
  gang.world.run_for(Millis{2'000});
  REQUIRE(gang.end);
  CHECK(gang.end->end == BindEnd::kRefused);
  CHECK_THAT(gang.end->message, Catch::Contains("30 s (gang.timeout"));
}

TEST_CASE("a gang whose provisioner gives one claim back, or which loses a pod: given up at once") {
  Volumes gang;
  gang.claim("p-data", "n", "Pending");
  gang.claim("q-data", "n", "Pending");
  gang.prepare(Millis{600'000});
  REQUIRE_FALSE(gang.end);
  SECTION("claim given back") {
    gang.claim("q-data", "", "Pending");
    gang.world.run_for(Millis{1'000});
    REQUIRE(gang.end);
    CHECK(gang.end->end == BindEnd::kRefused);
  }
  SECTION("pod deleted") {
    gang.cache.pod_changed(gang.plans[1].pod, nullptr);
    gang.world.run_for(Millis{1'000});
    REQUIRE(gang.end);
    CHECK(gang.end->end == BindEnd::kGone);
  }
}
