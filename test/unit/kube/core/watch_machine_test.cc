#include "kube/core/watch_machine.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

using namespace stowage;        // NOLINT: a test
using namespace stowage::kube;  // NOLINT: a test
using namespace std::chrono_literals;
using Kind = WatchEffect::Kind;

namespace {

std::string object(const std::string& name, const std::string& version) {
  return R"({"metadata":{"name":")" + name + R"(","resourceVersion":")" + version + R"("}})";
}

std::string event(const std::string& type, const std::string& name, const std::string& version) {
  return R"({"type":")" + type + R"(","object":)" + object(name, version) + "}\n";
}

std::string initial_end(const std::string& version) {
  return R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":")" + version +
         R"(","annotations":{"k8s.io/initial-events-end":"true"}}}})"
         "\n";
}

std::string error_event(int code, const std::string& reason) {
  return R"({"type":"ERROR","object":{"kind":"Status","code":)" + std::to_string(code) + R"(,"reason":")" +
         reason + "\"}}\n";
}

std::string page(const std::string& version, const std::string& next, const std::string& items) {
  return R"({"kind":"PodList","metadata":{"resourceVersion":")" + version + R"(","continue":")" + next +
         R"("},"items":[)" + items + "]}";
}

Error http_error(int status, Code code) {
  return {.code = code, .message = "m", .http_status = status};
}

/// A machine with its driver and a cache of names, which is how a person would check it.
class World {
 public:
  explicit World(bool streaming = true, uint64_t seed = 1)
      : machine(
            {.path = "/api/v1/pods", .label_selector = "a=b", .page_size = 2, .streaming_list = streaming},
            Random(seed)) {}

  std::string step() {
    last = machine.step(now);
    now += last.wait;
    return last.request.target;
  }
  void feed(const std::string& bytes) {
    machine.feed(bytes, now);
    drain();
  }
  void end() {
    machine.ended(now);
    drain();
  }
  void fail_with(const Error& error) {
    machine.failed(error, now);
    drain();
  }
  /// To a watch at version `version` by a streaming list of one object, "x".
  void sync(const std::string& version) {
    step();
    feed(event("ADDED", "x", "3") + initial_end(version));
    REQUIRE(machine.synced());
  }
  [[nodiscard]] bool resumes_from(const std::string& version) {
    const std::string target = step();
    return target.find("watch=1") != std::string::npos &&
           target.find("&resourceVersion=" + version + "&") != std::string::npos &&
           target.find("sendInitialEvents") == std::string::npos;
  }

  WatchMachine machine;
  WatchMachine::Step last;
  MonoTime now{};
  std::set<std::string> cache;
  std::set<std::string> side;
  int audits = 0;
  int abandoned = 0;

 private:
  static std::string name_of(std::string_view json) {
    const size_t at = json.find(R"("name":")") + 8;
    return std::string(json.substr(at, json.find('"', at) - at));
  }
  void drain() {
    while (const auto effect = machine.effect()) {
      auto& target = effect->in_replacement ? side : cache;
      switch (effect->kind) {
        case Kind::kBeginReplace:
          side.clear();
          break;
        case Kind::kUpsert:
          target.insert(name_of(effect->object));
          break;
        case Kind::kRemove:
          target.erase(name_of(effect->object));
          break;
        case Kind::kEndReplace:
          cache = side;
          audits += effect->audit ? 1 : 0;
          break;
        case Kind::kAbandonReplace:
          side.clear();
          ++abandoned;
          break;
      }
    }
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("rule 8: a streaming list fills a side store, swapped in at its end bookmark") {
  World w;
  const std::string target = w.step();
  CHECK(contains(target, "sendInitialEvents=true"));
  CHECK(contains(target, "resourceVersionMatch=NotOlderThan"));
  CHECK(contains(target, "allowWatchBookmarks=true"));
  CHECK(contains(target, "labelSelector=a%3Db"));
  w.feed(event("ADDED", "p", "5") + event("ADDED", "q", "2"));
  CHECK(w.cache.empty());
  CHECK_FALSE(w.machine.synced());
  w.feed(initial_end("9"));
  CHECK(w.cache == std::set<std::string>{"p", "q"});
  CHECK(w.machine.synced());
  w.feed(event("DELETED", "p", "11"));
  CHECK(w.cache == std::set<std::string>{"q"});
  CHECK(w.machine.resource_version() == "11");
}

TEST_CASE("rule 4: initial events and their bookmarks do not move the resume point") {
  World w;
  w.step();
  w.feed(event("ADDED", "p", "50") + event("BOOKMARK", "", "60"));
  CHECK(w.machine.resource_version().empty());
  w.feed(initial_end("70"));
  CHECK(w.machine.resource_version() == "70");
}

TEST_CASE("rule 8: changes that arrive among the initial events belong to the side store") {
  World w;
  w.step();
  w.feed(event("ADDED", "p", "5") + event("DELETED", "p", "6") + event("MODIFIED", "q", "7") +
         initial_end("9"));
  CHECK(w.cache == std::set<std::string>{"q"});
}

TEST_CASE("rule 8: a streaming list that breaks is dropped, and a LIST follows") {
  World w;
  w.step();
  w.feed(event("ADDED", "p", "5"));
  w.fail_with({.code = Code::kUnavailable, .message = "reset"});
  CHECK(w.abandoned == 1);
  CHECK(w.cache.empty());
  CHECK(w.step() == "/api/v1/pods?labelSelector=a%3Db&limit=2&resourceVersion=0");
  CHECK(w.last.wait > 0ms);
}

TEST_CASE("rule 8: a server that does not know streaming lists gets a LIST at once, for ever") {
  World w;
  w.step();
  w.fail_with(http_error(422, Code::kInvalidArgument));
  CHECK(contains(w.step(), "limit=2"));
  CHECK(w.last.wait == 0ms);
  w.feed(page("9", "", object("p", "5")));
  w.end();
  CHECK(w.cache.size() == 1);
  CHECK(w.resumes_from("9"));
  w.fail_with(http_error(410, Code::kExpired));
  CHECK(contains(w.step(), "limit=2"));
}

TEST_CASE("rule 8: a server that ignores the streaming request and stays silent gets a LIST") {
  World w;
  w.step();
  CHECK(w.last.request.idle_timeout == 10s);
  w.feed(event("ADDED", "p", "5"));
  w.now += 10s;
  w.fail_with({.code = Code::kTimeout, .message = "silence"});
  CHECK(contains(w.step(), "limit=2"));
}

TEST_CASE("rule 8: a server that ignores the streaming request but is busy gets a LIST after a minute") {
  World w;
  w.step();
  w.feed(event("ADDED", "p", "5"));
  w.now += 61s;
  w.feed(event("MODIFIED", "p", "6"));
  CHECK(w.machine.closed());
  CHECK(contains(w.step(), "limit=2"));
}

TEST_CASE("rule 7: a bookmark moves the resume point and nothing else; none need come") {
  World w;
  w.sync("9");
  w.feed(event("BOOKMARK", "", "30"));
  CHECK(w.cache == std::set<std::string>{"x"});
  w.now += 300s;
  w.end();
  CHECK(w.resumes_from("30"));
  w.now += 300s;
  w.end();  // a whole watch without a bookmark
  CHECK(w.resumes_from("30"));
  CHECK(w.last.wait == 0ms);
}

TEST_CASE("rule 3: the resume point is passed back verbatim, whatever it looks like") {
  World w;
  w.sync("98765432109876543210987");
  w.now += 20s;
  w.end();
  CHECK(w.resumes_from("98765432109876543210987"));
}

TEST_CASE("rule 5: 410 as an HTTP status or as an ERROR event means relist, the cache stays meanwhile") {
  for (const bool as_event : {false, true}) {
    World w;
    w.sync("9");
    if (as_event) {
      w.feed(error_event(410, "Expired"));
      CHECK(w.machine.closed());
    } else {
      w.end();
      w.step();
      w.fail_with(http_error(410, Code::kExpired));
    }
    CHECK(w.cache == std::set<std::string>{"x"});
    CHECK(contains(w.step(), "sendInitialEvents=true"));
    CHECK(w.last.wait == 0ms);
    w.feed(event("ADDED", "y", "40") + initial_end("41"));
    CHECK(w.cache == std::set<std::string>{"y"});
  }
}

TEST_CASE(
    "rule 5: a relist by LIST is not older than the cache; when that is expired too, it names no version") {
  World w(false);
  CHECK(contains(w.step(), "resourceVersion=0"));
  w.feed(page("9", "", ""));
  w.end();
  CHECK(w.resumes_from("9"));
  w.fail_with(http_error(410, Code::kExpired));
  CHECK(contains(w.step(), "resourceVersion=9"));
  w.fail_with(http_error(504, Code::kExpired));  // too large resource version
  CHECK_FALSE(contains(w.step(), "resourceVersion"));
}

TEST_CASE("rule 6: a relist replaces the whole cache") {
  World w(false);
  w.step();
  w.feed(page("9", "", object("a", "1") + "," + object("b", "2")));
  w.end();
  w.machine.relist(w.now);
  CHECK(w.machine.closed());
  CHECK_FALSE(contains(w.step(), "resourceVersion"));
  w.feed(page("19", "", object("b", "2") + "," + object("c", "12")));
  w.end();
  CHECK(w.cache == std::set<std::string>{"b", "c"});
  CHECK(w.machine.lists() == 2);
}

TEST_CASE("rule 10: a relist of a watch that was quiet and well does not wait for what failed before it") {
  World w(false);
  w.step();
  for (int i = 0; i < 8; ++i) {
    w.fail_with(http_error(503, Code::kUnavailable));
    w.step();
  }
  w.feed(page("9", "", object("a", "1")));
  w.end();
  CHECK(w.resumes_from("9"));
  w.now += 15s;
  w.machine.relist(w.now);
  w.step();
  w.fail_with(http_error(503, Code::kUnavailable));
  w.step();
  CHECK(w.last.wait <= 1600ms);
}

TEST_CASE("rule 9: every watch has a random server timeout of 5 to 10 minutes and a shorter idle limit") {
  std::set<std::string> timeouts;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    World w(true, seed);
    w.sync("9");
    w.now += 20s;
    w.end();
    const std::string target = w.step();
    const size_t at = target.find("timeoutSeconds=");
    REQUIRE(at != std::string::npos);
    const int seconds = std::stoi(target.substr(at + 15));
    CHECK(seconds >= 300);
    CHECK(seconds <= 600);
    timeouts.insert(std::to_string(seconds));
    CHECK(w.last.request.idle_timeout > 60s);
    CHECK(w.last.request.idle_timeout < 300s);
  }
  CHECK(timeouts.size() > 10);
}

TEST_CASE("rule 9: silence beyond the idle limit resumes at once") {
  World w;
  w.sync("9");
  w.now += 120s;
  w.fail_with({.code = Code::kTimeout, .message = "silence"});
  CHECK(w.resumes_from("9"));
  CHECK(w.last.wait == 0ms);
}

TEST_CASE("rule 10: 429, 5xx and refused connections on a watch mean wait, not relist; waits grow to 30 s") {
  for (const Error& error :
       {http_error(429, Code::kTooManyRequests), http_error(500, Code::kUnavailable),
        http_error(504, Code::kTimeout), Error{.code = Code::kUnavailable, .message = "refused"},
        http_error(401, Code::kUnauthorized), http_error(403, Code::kForbidden)}) {
    World w;
    w.sync("9");
    w.now += 20s;
    w.end();
    Millis longest{0};
    w.step();
    for (int i = 0; i < 40; ++i) {
      w.fail_with(error);
      REQUIRE(w.resumes_from("9"));
      CHECK(w.last.wait >= 1ms);
      CHECK(w.last.wait <= 30s);
      longest = std::max(longest, w.last.wait);
    }
    CHECK(longest > 10s);
  }
}

TEST_CASE("rule 10: the back-off starts over after health") {
  World w;
  w.sync("9");
  w.now += 20s;
  w.end();
  w.step();
  for (int i = 0; i < 12; ++i) {
    w.fail_with(http_error(503, Code::kUnavailable));
    w.step();
  }
  w.feed(event("MODIFIED", "x", "10"));
  CHECK_FALSE(w.machine.last_error());
  w.fail_with(http_error(503, Code::kUnavailable));
  w.step();
  CHECK(w.last.wait <= 1600ms);
}

TEST_CASE("rule 10: watches that end as soon as they begin are not reopened in a hot loop") {
  World w;
  w.sync("9");
  for (int i = 0; i < 5; ++i) {
    w.end();
    CHECK(w.resumes_from("9"));
    CHECK(w.last.wait > 0ms);
  }
}

TEST_CASE("rule 12: an audit lists at exactly the cache's version and the watch goes on from there") {
  World w;
  w.sync("9");
  w.feed(event("ADDED", "damaged", "12"));
  w.machine.audit(w.now);
  CHECK(w.machine.closed());
  CHECK(w.step() == "/api/v1/pods?labelSelector=a%3Db&limit=2&resourceVersion=12&resourceVersionMatch=Exact");
  w.feed(page("12", "t", object("x", "3")));
  w.end();
  CHECK(contains(w.step(), "continue=t"));
  w.feed(page("12", "", object("y", "4")));
  w.end();
  CHECK(w.audits == 1);
  CHECK(w.cache == std::set<std::string>{"x", "y"});
  CHECK(w.resumes_from("12"));
}

TEST_CASE(
    "rule 12: an audit whose version is gone becomes a relist; one that fails otherwise changes nothing") {
  World gone;
  gone.sync("9");
  gone.machine.audit(gone.now);
  gone.step();
  gone.fail_with(http_error(410, Code::kExpired));
  CHECK(contains(gone.step(), "sendInitialEvents=true"));

  World broken;
  broken.sync("9");
  broken.machine.audit(broken.now);
  broken.step();
  broken.feed(page("9", "t", object("z", "3")));
  broken.fail_with({.code = Code::kUnavailable, .message = "reset"});
  CHECK(broken.cache == std::set<std::string>{"x"});
  CHECK(broken.resumes_from("9"));
}

TEST_CASE("rule 13: Retry-After is a lower bound of the wait") {
  World w;
  w.sync("9");
  w.now += 20s;
  w.end();
  w.step();
  w.fail_with({.code = Code::kTooManyRequests, .message = "m", .retry_after = 17s, .http_status = 429});
  CHECK(w.resumes_from("9"));
  CHECK(w.last.wait >= 17s);
}

TEST_CASE(
    "rule 19: a continue token that expires starts the list over; what came is not taken for the whole") {
  World w(false);
  w.step();
  w.feed(page("9", "t1", object("a", "1") + "," + object("b", "2")));
  w.end();
  CHECK(contains(w.step(), "continue=t1"));
  CHECK_FALSE(w.machine.synced());
  w.fail_with(http_error(410, Code::kExpired));
  CHECK(w.abandoned == 1);
  CHECK(w.cache.empty());
  CHECK_FALSE(contains(w.step(), "continue"));
  CHECK(w.last.wait == 0ms);
  w.feed(page("19", "t2", object("c", "1")));
  w.end();
  w.step();
  w.fail_with(http_error(410, Code::kExpired));
  CHECK_FALSE(contains(w.step(), "limit="));  // twice: everything in one answer
  CHECK(w.last.wait == 0ms);
  w.feed(page("29", "", object("d", "1")));
  w.end();
  CHECK(w.cache == std::set<std::string>{"d"});
  CHECK(w.resumes_from("29"));
}

TEST_CASE("rule 19: a list whose body ends early or is broken is dropped") {
  for (const std::string& body :
       {page("9", "", object("a", "1")).substr(0, 80), std::string("{\"items\":[7]}")}) {
    World w(false);
    w.step();
    w.feed(body);
    w.end();
    CHECK_FALSE(w.machine.synced());
    CHECK(w.cache.empty());
    CHECK(w.abandoned == 1);
    CHECK(contains(w.step(), "limit=2"));
    CHECK(w.last.wait > 0ms);
  }
}

TEST_CASE("rule 22: a missing kind is asked for again with back-off, and taken when it appears") {
  World w;
  for (int i = 0; i < 5; ++i) {
    w.step();
    CHECK((i == 0 || w.last.wait > 0ms));
    w.fail_with(http_error(404, Code::kNotFound));
    CHECK(w.machine.last_error()->code == Code::kNotFound);
  }
  w.sync("9");
  CHECK(w.machine.synced());
}

TEST_CASE("a watch that breaks inside an event resumes from the last whole one") {
  World w;
  w.sync("9");
  w.feed(event("ADDED", "y", "12") + R"({"type":"ADDED","object":{"meta)");
  w.fail_with({.code = Code::kUnavailable, .message = "reset"});
  CHECK(w.resumes_from("12"));
  w.feed(event("ADDED", "z", "13"));
  CHECK(w.cache == std::set<std::string>{"x", "y", "z"});
}

TEST_CASE("a watch of broken bytes: the stream is closed and a list follows") {
  World w;
  w.sync("9");
  w.feed("<html>gateway</html>");
  CHECK(w.machine.closed());
  CHECK(contains(w.step(), "sendInitialEvents"));
  CHECK(w.last.wait > 0ms);
}

TEST_CASE("same seed, same story: every request and wait is equal") {
  const auto story = [] {
    World w(true, 7);
    std::vector<std::string> out;
    for (int i = 0; i < 30; ++i) {
      out.push_back(w.step() + " " + std::to_string(w.last.wait.count()));
      if (i % 3 == 0) {
        w.fail_with(http_error(503, Code::kUnavailable));
      } else {
        w.feed(event("ADDED", "x", std::to_string(i)) + initial_end(std::to_string(i + 1)));
        w.end();
      }
    }
    return out;
  };
  CHECK(story() == story());
}
