#include "kube/runtime/informer.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "test/support/scripted_transport.h"
#include "test/support/virtual_world.h"

using namespace stowage;
using kube::Client;
using kube::Informer;
using kube::InformerOptions;
using kube::Ref;
using kube::Resource;
using kube::TaskScope;
using test::bookmark;
using test::list_body;
using test::object_json;
using test::ScriptedTransport;
using test::VirtualWorld;
using test::watch_event;

namespace {

struct Thing {
  api::ObjectMeta meta;
};

Result<Thing> decode(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Code::kMalformed, "not an object");
  const auto& meta = json.at("metadata");
  if (!meta.contains("uid")) return fail(Code::kMalformed, "no uid");
  Thing out;
  out.meta.name = meta.value("name", "");
  out.meta.ns = meta.value("namespace", "");
  out.meta.uid = meta.value("uid", "");
  out.meta.resource_version = meta.value("resourceVersion", "");
  return out;
}

std::string thing(std::string_view name, std::string_view uid, std::string_view version) {
  return object_json("Thing", "ns", name, uid, version);
}

const Resource kThings{.group = "example.dev", .version = "v1", .plural = "things", .kind = "Thing"};

/// An informer of things on a scripted server; `changes` tells a story: "+a", "~a", "-a" with UIDs.
struct Fixture {
  explicit Fixture(bool streaming = true, Millis audit = Millis{0})
      : server(world.env()),
        client(server, "test/1"),
        informer(world.env(), client,
                 {.resource = kThings, .streaming_list = streaming, .audit_every = audit}, decode),
        scope(world.env()) {
    informer.on_change([this](const Ref<Thing>& old, const Ref<Thing>& now) {
      const auto& it = now ? now : old;
      changes.push_back((old && now ? "~" : now ? "+" : "-") + it->meta.name + "/" + it->meta.uid);
    });
  }
  ~Fixture() {
    scope.cancel();
    world.settle();
  }
  void start() {
    informer.start(scope);
    world.settle();
  }
  /// Started, synced with a/1 and b/2 at version 10, watching, with an empty story.
  void start_synced() {
    start();
    if (request().find("watch=1") == std::string::npos) {
      server.stream().respond(list_body("Thing", "10", {thing("a", "1", "5"), thing("b", "2", "6")}));
    } else {
      server.stream().push(watch_event("ADDED", thing("a", "1", "5")) +
                           watch_event("ADDED", thing("b", "2", "6")) + bookmark("Thing", "10", true));
    }
    world.settle();
    REQUIRE(informer.synced());
    changes.clear();
  }
  [[nodiscard]] const std::string& request() const { return server.requests().back().target; }
  [[nodiscard]] size_t count(std::string_view part) const {
    size_t found = 0;
    for (const auto& each : server.requests())
      found += each.target.find(part) != std::string::npos ? 1 : 0;
    return found;
  }
  [[nodiscard]] size_t lists() const { return server.requests().size() - count("watch=1"); }

  VirtualWorld world;
  ScriptedTransport server;
  Client client;
  Informer<Thing> informer;
  TaskScope scope;
  std::vector<std::string> changes;
};

using Story = std::vector<std::string>;

}  // namespace

TEST_CASE("rule 1: an informer is not synced before its first list is complete") {
  Fixture f;
  f.start();
  f.server.stream().push(watch_event("ADDED", thing("a", "1", "5")));
  f.world.run_for(Millis{1'000});
  CHECK_FALSE(f.informer.synced());
  CHECK(f.informer.store().size() == 0);
  CHECK(f.changes.empty());
  CHECK(f.informer.health().error().message.find("things") != std::string::npos);
  f.server.stream().push(bookmark("Thing", "10", true));
  f.world.run(f.informer.wait_synced());
  CHECK(f.informer.synced());
  CHECK(f.informer.health());
  CHECK(f.informer.store().size() == 1);
  CHECK(f.changes == Story{"+a/1"});
}

TEST_CASE("informer: adds, changes and deletes of a watch reach the store and the handlers in order") {
  Fixture f;
  f.start_synced();
  f.server.stream().push(watch_event("MODIFIED", thing("a", "1", "11")) +
                         watch_event("ADDED", thing("c", "3", "12")));
  f.server.stream().push(watch_event("DELETED", thing("b", "2", "13")));
  f.world.settle();
  CHECK(f.changes == Story{"~a/1", "+c/3", "-b/2"});
  CHECK(f.informer.store().get("ns/b") == nullptr);
  CHECK(f.informer.store().get("ns/a")->meta.resource_version == "11");
  CHECK(f.informer.resource_version() == "13");
}

TEST_CASE("informer: an object that cannot be decoded is told and skipped, the others arrive") {
  Fixture f;
  f.start_synced();
  f.server.stream().push(watch_event("ADDED", R"({"metadata":{"name":"x","resourceVersion":"11"}})") +
                         watch_event("ADDED", thing("c", "3", "12")));
  f.world.settle();
  CHECK(f.changes == Story{"+c/3"});
  CHECK(f.world.log().count("skipped an object") == 1);
}

TEST_CASE("a store that keeps less: handlers see the whole object once, the store what is left of it") {
  VirtualWorld world;
  ScriptedTransport server(world.env());
  Client client(server, "test/1");
  const auto mark = [](Thing& it) { it.meta.resource_version += "-kept"; };
  Informer<Thing> informer(world.env(), client, {.resource = kThings, .streaming_list = false}, decode, mark);
  std::vector<std::string> seen;
  informer.on_change([&](const Ref<Thing>& old, const Ref<Thing>& now) {
    seen.push_back((old ? old->meta.resource_version : "") + ">" + (now ? now->meta.resource_version : ""));
  });
  TaskScope scope(world.env());
  informer.start(scope);
  world.settle();
  server.stream().respond(list_body("Thing", "10", {thing("a", "1", "5")}));
  world.settle();
  CHECK(seen == std::vector<std::string>{">5"});
  CHECK(informer.store().get("ns/a")->meta.resource_version == "5-kept");
  scope.cancel();
  world.settle();
}

TEST_CASE("rule 2: a barrier reads the newest version, and returns only after the cache holds it") {
  Fixture f;
  f.start_synced();
  bool passed = false;
  f.world.spawn([](Fixture& fixture, bool& done) -> boost::asio::awaitable<void> {
    const auto result = co_await fixture.informer.barrier();
    done = result.has_value();
  }(f, passed));
  f.world.run_for(Millis{100});
  CHECK(f.request().find("resourceVersion=") == std::string::npos);
  f.server.stream().push(watch_event("ADDED", thing("a", "1", "5")));
  f.world.run_for(Millis{100});
  CHECK_FALSE(passed);
  f.server.stream().push(watch_event("ADDED", thing("c", "3", "19")) + bookmark("Thing", "20", true));
  f.world.settle();
  CHECK(passed);
  CHECK(f.changes == Story{"-b/2", "+c/3"});
}

TEST_CASE("rule 3: a version of 30 digits is passed back verbatim") {
  Fixture f;
  f.start_synced();
  const std::string huge = "123456789012345678901234567890";
  f.server.stream().push(watch_event("MODIFIED", thing("a", "1", huge)));
  f.world.run_for(Millis{20'000});
  f.server.stream().end();
  f.world.run_for(Millis{100});
  CHECK(f.request().find("resourceVersion=" + huge) != std::string::npos);
  CHECK(f.informer.resource_version() == huge);
}

TEST_CASE("rule 4: a stream that breaks in the initial events is not resumed from one of their versions") {
  Fixture f;
  f.start();
  f.server.stream().push(watch_event("ADDED", thing("a", "1", "77")));
  f.world.settle();
  f.server.stream().fail({.code = Code::kUnavailable, .message = "reset"});
  f.world.run_for(Millis{40'000});
  CHECK(f.server.requests().size() > 1);
  CHECK(f.count("resourceVersion=77") == 0);
  CHECK_FALSE(f.informer.synced());
}

TEST_CASE("rule 5: 410 as an ERROR event in a 200 stream makes the informer list again") {
  Fixture f(false);
  f.start_synced();
  f.world.run_for(Millis{15'000});
  const size_t before = f.lists();
  f.server.stream().push(watch_event(
      "ERROR", R"({"kind":"Status","status":"Failure","reason":"Expired","message":"too old","code":410})"));
  f.world.run_for(Millis{1'000});
  CHECK(f.lists() == before + 1);
  f.server.stream().respond(list_body("Thing", "30", {thing("a", "1", "5")}));
  f.world.run_for(Millis{100});
  CHECK(f.changes == Story{"-b/2"});
}

TEST_CASE("rule 5: 410 as an HTTP status, twice, makes the informer list without a version") {
  Fixture f(false);
  f.start_synced();
  f.server.on_open([](const kube::HttpRequest& request) -> std::optional<Result<kube::HttpResponse>> {
    if (request.target.find("resourceVersion=") == std::string::npos) return std::nullopt;
    return test::status_response(410, "Expired", "too old resource version");
  });
  f.server.stream().fail({.code = Code::kUnavailable, .message = "reset"});
  f.world.run_for(Millis{60'000});
  CHECK(f.request().find("resourceVersion=") == std::string::npos);
  f.server.stream().respond(list_body("Thing", "50", {}));
  f.world.run_for(Millis{100});
  CHECK(f.changes == Story{"-a/1", "-b/2"});
}

TEST_CASE(
    "rule 6: after a relist what vanished is deleted, and a new UID under an old name is a delete and an "
    "add") {
  Fixture f(false);
  f.start_synced();
  f.world.run_for(Millis{15'000});
  f.server.stream().push(watch_event(
      "ERROR", R"({"kind":"Status","status":"Failure","reason":"Expired","message":"too old","code":410})"));
  f.world.run_for(Millis{1'000});
  f.server.stream().respond(list_body("Thing", "30", {thing("a", "9", "28")}));
  f.world.run_for(Millis{100});
  CHECK(f.changes == Story{"-b/2", "-a/1", "+a/9"});
  CHECK(f.informer.store().size() == 1);
}

TEST_CASE("rule 6: a new UID under an old name in a watch event is a delete and an add") {
  Fixture f;
  f.start_synced();
  f.server.stream().push(watch_event("MODIFIED", thing("a", "9", "11")));
  f.world.settle();
  CHECK(f.changes == Story{"-a/1", "+a/9"});
}

TEST_CASE("rule 6: the late delete of an earlier object does not remove its namesake") {
  Fixture f;
  f.start_synced();
  f.server.stream().push(watch_event("MODIFIED", thing("a", "9", "11")) +
                         watch_event("DELETED", thing("a", "1", "12")));
  f.world.settle();
  CHECK(f.informer.store().get("ns/a") != nullptr);
}

TEST_CASE("rule 7: a bookmark moves the resume point and nothing else") {
  Fixture f;
  f.start_synced();
  f.server.stream().push(bookmark("Thing", "500"));
  f.world.run_for(Millis{20'000});
  CHECK(f.changes.empty());
  f.server.stream().end();
  f.world.run_for(Millis{100});
  CHECK(f.request().find("resourceVersion=500") != std::string::npos);
  CHECK(f.request().find("sendInitialEvents") == std::string::npos);
}

TEST_CASE("rule 8: an object that is deleted while the initial events stream in is not there afterwards") {
  Fixture f;
  f.start();
  f.server.stream().push(watch_event("ADDED", thing("a", "1", "5")) +
                         watch_event("ADDED", thing("b", "2", "6")) +
                         watch_event("DELETED", thing("b", "2", "9")) +
                         watch_event("DELETED", thing("a", "another", "9")) + bookmark("Thing", "10", true));
  f.world.settle();
  CHECK(f.informer.synced());
  CHECK(f.changes == Story{"+a/1"});
}

TEST_CASE("rule 8: a streaming list that breaks leaves the store as it was, and a LIST takes over") {
  Fixture f;
  f.start();
  f.server.stream().push(watch_event("ADDED", thing("x", "8", "3")));
  f.world.settle();
  f.server.stream().fail({.code = Code::kUnavailable, .message = "reset"});
  f.world.run_for(Millis{5'000});
  CHECK(f.informer.store().size() == 0);
  REQUIRE(f.lists() == 1);
  f.server.stream().respond(list_body("Thing", "10", {thing("a", "1", "5")}));
  f.world.run_for(Millis{100});
  CHECK(f.changes == Story{"+a/1"});
  CHECK(f.request().find("watch=1") != std::string::npos);
}

TEST_CASE("rule 8: a server that refuses streaming lists gets a LIST at once") {
  Fixture f;
  f.server.on_open([](const kube::HttpRequest& request) -> std::optional<Result<kube::HttpResponse>> {
    if (request.target.find("sendInitialEvents") == std::string::npos) return std::nullopt;
    return test::status_response(422, "Invalid", "sendInitialEvents is forbidden for watch");
  });
  f.start();
  CHECK(f.lists() == 1);
  f.server.stream().respond(list_body("Thing", "10", {thing("a", "1", "5")}));
  f.world.settle();
  CHECK(f.informer.synced());
}

TEST_CASE("rule 9: every watch has a server timeout of 5 to 10 minutes and a client's idle limit") {
  Fixture f(false);
  f.start_synced();
  for (int i = 0; i < 5; ++i) {
    const auto& request = f.server.requests().back();
    const size_t at = request.target.find("timeoutSeconds=");
    REQUIRE(at != std::string::npos);
    const int seconds = std::stoi(request.target.substr(at + 15));
    CHECK(seconds >= 300);
    CHECK(seconds <= 600);
    CHECK(request.idle_timeout > Millis{0});
    f.world.run_for(Millis{11'000});
    f.server.stream().end();
    f.world.run_for(Millis{1'000});
  }
}

TEST_CASE("rule 9: a watch that is silent beyond its limit is dropped and resumed") {
  Fixture f;
  f.start_synced();
  const auto silent = f.server.streams().back();
  f.world.run_for(Millis{400'000});
  CHECK_FALSE(silent->is_open());
  CHECK(f.server.streams().size() >= 2);
  CHECK(f.count("sendInitialEvents") == 1);
  CHECK(f.request().find("resourceVersion=10") != std::string::npos);
}

TEST_CASE("rule 10: a refused connection on a watch means waiting with growing back-off, not a relist") {
  Fixture f(false);
  f.start_synced();
  f.server.on_open([](const kube::HttpRequest&) -> std::optional<Result<kube::HttpResponse>> {
    return fail(Code::kUnavailable, "connection refused");
  });
  const size_t before = f.server.requests().size();
  f.server.stream().fail({.code = Code::kUnavailable, .message = "reset"});
  f.world.run_for(Millis{300'000});
  const size_t attempts = f.server.requests().size() - before;
  CHECK(attempts >= 10);
  CHECK(attempts <= 60);
  CHECK(f.lists() == 1);
  CHECK(f.world.log().count("cannot list and watch") == 2);  // reset, then refused
  f.server.on_open(nullptr);
  f.world.run_for(Millis{30'000});
  CHECK(f.request().find("resourceVersion=10") != std::string::npos);
}

TEST_CASE("rule 12: an audit lists at the cache's exact version and heals what differs") {
  Fixture f(false, Millis{1'800'000});
  f.start_synced();
  f.server.on_open([&](const kube::HttpRequest& request) -> std::optional<Result<kube::HttpResponse>> {
    if (request.target.find("resourceVersionMatch=Exact") == std::string::npos) return std::nullopt;
    CHECK(request.target.find("resourceVersion=10&") != std::string::npos);
    return test::ok_response(list_body("Thing", "10", {thing("a", "1", "5")}));
  });
  f.world.run_for(Millis{1'600'000});
  CHECK(f.count("Exact") == 0);
  f.world.run_for(Millis{210'000});
  CHECK(f.count("Exact") == 1);
  CHECK(f.changes == Story{"-b/2"});
  CHECK(f.world.log().count("audit found objects that differ") == 1);
}

TEST_CASE("rule 12, I8: an audit of a sound cache changes nothing and is the only list while idle") {
  Fixture f(false, Millis{1'800'000});
  f.start_synced();
  f.server.on_open([](const kube::HttpRequest& request) -> std::optional<Result<kube::HttpResponse>> {
    if (request.target.find("Exact") == std::string::npos) return std::nullopt;
    return test::ok_response(list_body("Thing", "10", {thing("a", "1", "5"), thing("b", "2", "6")}));
  });
  f.world.run_for(Millis{4 * 1'800'000});
  CHECK(f.changes.empty());
  CHECK(f.count("Exact") == 4);
  CHECK(f.lists() == 5);
  CHECK(f.server.writes() == 0);
}

TEST_CASE("rule 13: Retry-After on a refused list is waited for") {
  Fixture f(false);
  bool refuse = true;
  f.server.on_open([&](const kube::HttpRequest&) -> std::optional<Result<kube::HttpResponse>> {
    if (!refuse) return std::nullopt;
    return kube::HttpResponse{
        .status = 429,
        .body =
            R"({"kind":"Status","status":"Failure","reason":"TooManyRequests","code":429,"details":{"retryAfterSeconds":45}})"};
  });
  f.start();
  REQUIRE(f.server.requests().size() == 1);
  refuse = false;
  f.world.run_for(Millis{44'000});
  CHECK(f.server.requests().size() == 1);
  f.world.run_for(Millis{32'000});
  CHECK(f.server.requests().size() == 2);
}

TEST_CASE(
    "rule 19: a continue token that expires mid-list starts the list over, and half a list is never taken") {
  Fixture f(false);
  f.start();
  f.server.stream().respond(list_body("Thing", "10", {thing("a", "1", "5")}, "token"));
  f.world.run_for(Millis{10});
  REQUIRE(f.request().find("continue=token") != std::string::npos);
  CHECK_FALSE(f.informer.synced());
  f.server.stream().respond(
      R"({"kind":"Status","status":"Failure","reason":"Expired","message":"token expired","code":410})");
  f.world.run_for(Millis{60'000});
  CHECK(f.informer.store().size() == 0);
  CHECK_FALSE(f.informer.synced());
  CHECK(f.request().find("continue=") == std::string::npos);
  f.server.stream().respond(list_body("Thing", "12", {thing("a", "1", "5"), thing("b", "2", "6")}));
  f.world.run_for(Millis{100});
  CHECK(f.informer.synced());
  CHECK(f.changes == Story{"+a/1", "+b/2"});
}

TEST_CASE(
    "rule 22: a kind that is not installed is waited for with back-off, named once, and then followed") {
  Fixture f;
  bool installed = false;
  f.server.on_open([&](const kube::HttpRequest&) -> std::optional<Result<kube::HttpResponse>> {
    if (installed) return std::nullopt;
    return kube::HttpResponse{.status = 404, .body = "404 page not found\n"};
  });
  f.start();
  f.world.run_for(Millis{600'000});
  CHECK(f.server.requests().size() >= 20);
  CHECK(f.server.requests().size() <= 120);
  const std::string reason = f.informer.health().error().message;
  CHECK(reason.find("things in example.dev/v1") != std::string::npos);
  CHECK(reason.find("CustomResourceDefinition") != std::string::npos);
  CHECK(f.world.log().count("cannot list and watch") == 1);
  installed = true;
  REQUIRE(f.world.run_until([&] { return !f.server.streams().empty(); }, Millis{31'000}));
  f.server.stream().push(bookmark("Thing", "10", true));
  f.world.settle();
  CHECK(f.informer.synced());
  CHECK(f.world.log().count("work again") == 1);
}

TEST_CASE("a server that knows no pods: no word of definitions, the address is asked about") {
  VirtualWorld world;
  ScriptedTransport server(world.env());
  server.on_open([](const kube::HttpRequest&) {
    return kube::HttpResponse{.status = 404, .body = "404 page not found\n"};
  });
  Client client(server, "test/1");
  const Resource pods{.group = "", .version = "v1", .plural = "pods", .kind = "Pod"};
  Informer<Thing> informer(world.env(), client, {.resource = pods}, decode);
  TaskScope scope(world.env());
  informer.start(scope);
  world.run_for(Millis{5'000});
  const std::string reason = informer.health().error().message;
  CHECK(reason.find("address of a Kubernetes API server?") != std::string::npos);
  CHECK(reason.find("CustomResourceDefinition") == std::string::npos);
  scope.cancel();
  world.run(scope.join());
}

TEST_CASE("rule 30: a cancelled informer drops its stream at once") {
  Fixture f;
  f.start_synced();
  f.scope.cancel();
  f.world.run(f.scope.join());
  CHECK_FALSE(f.server.stream().is_open());
  CHECK(f.world.timers().waiting() == 0);
}
