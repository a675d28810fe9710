#include "kube/runtime/event_recorder.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "test/support/scripted_transport.h"
#include "test/support/virtual_world.h"

using namespace stowage;
using kube::Client;
using kube::EventRecorder;
using kube::Method;
using kube::TaskScope;
using nlohmann::json;
using test::ScriptedTransport;
using test::VirtualWorld;

namespace {

struct Fixture {
  Fixture() {
    server.on_call([](const kube::HttpRequest&) {
      return ScriptedTransport::Reply{.result = test::ok_response("{}"), .after = Millis{5}};
    });
    recorder.start(scope);
  }
  ~Fixture() {
    scope.cancel();
    world.settle();
  }
  void pod_event(std::string name, std::string message = "assigned") {
    recorder.record({.api_version = "v1", .kind = "Pod", .ns = "ns", .name = std::move(name), .uid = "u"},
                    "Normal", "Scheduled", std::move(message));
  }
  [[nodiscard]] json body(size_t i) const { return json::parse(server.requests().at(i).body); }

  VirtualWorld world;
  ScriptedTransport server{world.env()};
  Client client{server, "test/1"};
  TaskScope scope{world.env()};
  EventRecorder recorder{world.env(), client, "stowage-scheduler"};
};

}  // namespace

TEST_CASE("event: written as a core/v1 Event of its target, with times and component") {
  Fixture f;
  f.pod_event("pod-1");
  f.world.run_for(Millis{100});
  REQUIRE(f.server.requests().size() == 1);
  CHECK(f.server.requests()[0].method == Method::kPost);
  CHECK(f.server.requests()[0].target.starts_with("/api/v1/namespaces/ns/events"));
  const json event = f.body(0);
  CHECK(event["metadata"]["name"].get<std::string>().starts_with("pod-1."));
  CHECK(event["involvedObject"]["uid"] == "u");
  CHECK(event["type"] == "Normal");
  CHECK(event["reason"] == "Scheduled");
  CHECK(event["source"]["component"] == "stowage-scheduler");
  CHECK(event["firstTimestamp"] == "2026-01-01T01:00:00Z");
  CHECK(event["count"] == 1);
}

TEST_CASE("event: the same again counts the first one up, another message is another event") {
  Fixture f;
  f.pod_event("pod-1");
  f.world.run_for(Millis{5'000});
  f.pod_event("pod-1");
  f.pod_event("pod-1", "something else");
  f.world.run_for(Millis{5'000});
  REQUIRE(f.server.requests().size() == 3);
  CHECK(f.server.requests()[1].method == Method::kPatch);
  CHECK(f.server.requests()[1].target.find(f.body(0)["metadata"]["name"].get<std::string>()) !=
        std::string::npos);
  CHECK(f.body(1)["count"] == 2);
  CHECK(f.server.requests()[2].method == Method::kPost);
}

TEST_CASE("event: ten of a kind in one turn of the loop are one write") {
  Fixture f;
  for (int i = 0; i < 10; ++i)
    f.pod_event("pod-1");
  f.world.run_for(Millis{1'000});
  REQUIRE(f.server.requests().size() == 1);
  CHECK(f.body(0)["count"] == 10);
}

TEST_CASE("event: one noisy object is limited, the others are not") {
  Fixture f;
  for (int i = 0; i < 500; ++i) {
    f.pod_event("noisy", "message " + std::to_string(i));
    f.pod_event("pod-" + std::to_string(i));
  }
  f.world.run_for(Millis{10'000});
  size_t noisy = 0;
  for (size_t i = 0; i < f.server.requests().size(); ++i)
    noisy += f.body(i)["involvedObject"]["name"] == "noisy" ? 1 : 0;
  CHECK(noisy == 25);
  CHECK(f.server.requests().size() == 525);
}

TEST_CASE("event: a server in trouble is tried four times, and nobody waits for it") {
  Fixture f;
  f.server.on_call([](const kube::HttpRequest&) {
    return ScriptedTransport::Reply{.result = test::status_response(503, "ServiceUnavailable", "no")};
  });
  f.pod_event("pod-1");
  f.world.run_for(Millis{120'000});
  CHECK(f.server.requests().size() == 4);
}

namespace {

/// A server that limits the events of one namespace, and how often each was tried.
ScriptedTransport::Reply limit(const kube::HttpRequest& request, std::string_view ns, std::string seconds) {
  if (request.target.find(fmt::format("/namespaces/{}/", ns)) == std::string::npos)
    return {.result = test::ok_response("{}"), .after = Millis{5}};
  kube::HttpResponse answer = test::status_response(429, "TooManyRequests", "limit of the namespace");
  answer.headers.emplace_back("retry-after", std::move(seconds));
  return {.result = std::move(answer), .after = Millis{5}};
}

/// Events of `pods` pods, in a namespace of which the server takes none for `seconds`.
void record_limited(Fixture& f, int pods, const char* seconds) {
  f.server.on_call([seconds](const kube::HttpRequest& request) { return limit(request, "ns", seconds); });
  for (int i = 0; i < pods; ++i)
    f.pod_event("pod-" + std::to_string(i));
}

}  // namespace

TEST_CASE(
    "event: those of a limited namespace wait, and hold the others up no longer than their own answer") {
  Fixture f;
  record_limited(f, 3, "60");
  for (int i = 0; i < 100; ++i)
    f.recorder.record({"v1", "Pod", "free", "pod-" + std::to_string(i), "u"}, "Normal", "Scheduled", "x");
  f.world.run_for(Millis{1'000});
  CHECK(f.server.requests().size() == 103);
  // Never before its Retry-After, and four times in all.
  f.world.run_for(Millis{58'000});
  CHECK(f.server.requests().size() == 103);
  f.world.run_for(Millis{600'000});
  CHECK(f.server.requests().size() == 100 + 3 * 4);
}

TEST_CASE("event: a server that takes none is left alone, whatever waits") {
  Fixture f;
  record_limited(f, 100, "60");
  f.world.run_for(Millis{59'000});
  // Four in a row tell it; both writers have a batch under way.
  CHECK(f.server.requests().size() <= 16);
  f.server.on_call([](const kube::HttpRequest&) {
    return ScriptedTransport::Reply{.result = test::ok_response("{}"), .after = Millis{5}};
  });
  const size_t refused = f.server.requests().size();
  f.world.run_for(Millis{10'000});
  CHECK(f.server.requests().size() == refused + 100);
}

TEST_CASE("event: one that is asked to wait for an hour is given up") {
  Fixture f;
  record_limited(f, 1, "3600");
  f.world.run_for(Millis{100});
  CHECK(f.world.run(f.recorder.flush(Millis{1'000})));
  CHECK(f.server.requests().size() == 1);
}

TEST_CASE("rule 31: what waits for a server in trouble is tried once more at the end, and holds nothing up") {
  Fixture f;
  record_limited(f, 10, "60");
  f.world.run_for(Millis{1'000});
  const auto begin = f.world.clock().now();
  const size_t refused = f.server.requests().size();
  CHECK(f.world.run(f.scope.drain(Millis{30'000})));
  CHECK(f.world.clock().now() - begin < Millis{1'000});
  CHECK(f.server.requests().size() == refused + 10);
}

TEST_CASE("rule 14: a repeated POST that finds its event there is done") {
  Fixture f;
  int calls = 0;
  f.server.on_call([&](const kube::HttpRequest&) -> ScriptedTransport::Reply {
    if (++calls == 1) return {.result = fail(Code::kUnavailable, "reply lost")};
    return {.result = test::status_response(409, "AlreadyExists", "exists")};
  });
  f.pod_event("pod-1");
  f.world.run_for(Millis{120'000});
  REQUIRE(calls == 2);
  CHECK(f.body(0)["metadata"]["name"] == f.body(1)["metadata"]["name"]);
}

TEST_CASE("event: a namespace that goes away is no reason to try again") {
  Fixture f;
  f.server.on_call([](const kube::HttpRequest&) {
    return ScriptedTransport::Reply{.result = test::status_response(403, "Forbidden", "being terminated")};
  });
  f.pod_event("pod-1");
  f.world.run_for(Millis{120'000});
  CHECK(f.server.requests().size() == 1);
}

TEST_CASE(
    "event: a message is cut at 1,024 bytes between characters, a cluster-scoped target goes to default") {
  Fixture f;
  std::string message;
  for (int i = 0; i < 600; ++i)
    message += "\xc3\xa9";
  f.recorder.record({.api_version = "v1", .kind = "Node", .name = "n", .uid = "u"}, "Warning", "Lost",
                    message);
  f.world.run_for(Millis{100});
  REQUIRE(f.server.requests().size() == 1);
  CHECK(f.server.requests()[0].target.starts_with("/api/v1/namespaces/default/events"));
  const auto written = f.body(0)["message"].get<std::string>();
  CHECK(written.size() <= 1'024);
  CHECK(written.ends_with("\xc3\xa9..."));
}

TEST_CASE("event: batches with pauses leave the server to others, without pauses when many events wait") {
  Fixture f;
  const auto sent_after = [&f](int events, Millis time) {
    for (int i = 0; i < events; ++i)
      f.pod_event("pod-" + std::to_string(i) + "-of-" + std::to_string(events));
    const size_t before = f.server.requests().size();
    f.world.run_for(time);
    return f.server.requests().size() - before;
  };
  CHECK(sent_after(1, Millis{4}) == 1);
  // An answer takes 5 ms, and a rest three times as long.
  CHECK(sent_after(100, Millis{14}) == 16);
  f.world.run_for(Millis{1'000});
  REQUIRE(f.server.requests().size() == 101);
  // Without rests: both writers 20 times.
  CHECK(sent_after(6'000, Millis{99}) == 20 * 16);
}

TEST_CASE("rule 31: flush returns when all is written, and gives up at its limit") {
  Fixture f;
  for (int i = 0; i < 100; ++i)
    f.pod_event("pod-" + std::to_string(i));
  CHECK(f.world.run(f.recorder.flush(Millis{5'000})));
  CHECK(f.server.requests().size() == 100);
  f.server.on_call(
      [](const kube::HttpRequest&) { return ScriptedTransport::Reply{.after = Millis{3'600'000}}; });
  f.pod_event("late");
  const auto begin = f.world.clock().now();
  CHECK_FALSE(f.world.run(f.recorder.flush(Millis{5'000})));
  CHECK(f.world.clock().now() - begin == Millis{5'000});
}
