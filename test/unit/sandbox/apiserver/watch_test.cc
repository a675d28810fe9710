#include <catch2/catch.hpp>

#include "api.h"

using namespace stowage::sandbox;

namespace {
const std::string kMaps = "/api/v1/namespaces/default/configmaps";
}

TEST_CASE("watch from a version: changes after it, in order, with a growing version") {
  Api api;
  const std::string version = std::to_string(api.server.version());
  auto watch = api.watch(kMaps + "?watch=true&resourceVersion=" + version);
  REQUIRE(watch);
  CHECK(frame(*watch).is_null());
  api.post(kMaps, config_map("a"));
  api.merge(kMaps + "/a", {{"data", {{"k", "v"}}}});
  api.remove(kMaps + "/a");
  Json last = 0;
  for (const char* type : {"ADDED", "MODIFIED", "DELETED"}) {
    const Json event = frame(*watch);
    CHECK(event["type"] == type);
    const uint64_t now = std::stoull(event["object"]["metadata"]["resourceVersion"].get<std::string>());
    CHECK(now > last.get<uint64_t>());
    last = now;
  }
  CHECK(frame(*watch).is_null());
}

TEST_CASE("table watch: ages are those of the moment, not of the watch's start") {
  Api api;
  auto watch = api.raw("GET",
                       "/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=" +
                           std::to_string(api.server.version()),
                       "", "", "application/json;as=Table;v=v1;g=meta.k8s.io")
                   .watch;
  const auto age = [&] { return Json::parse(*watch->next())["object"]["rows"][0]["cells"][2]; };
  api.now += std::chrono::seconds(10);
  api.post("/api/v1/namespaces/default/configmaps", config_map("late"));
  CHECK(age() == "0s");
  api.now += std::chrono::seconds(70);
  api.merge("/api/v1/namespaces/default/configmaps/late", {{"data", {{"a", "b"}}}});
  CHECK(age() == "70s");
}

TEST_CASE("selector watch: entering is ADDED, leaving is DELETED") {
  Api api;
  auto watch = api.watch(kMaps + "?watch=true&labelSelector=tier%3Dgold&resourceVersion=" +
                         std::to_string(api.server.version()));
  api.post(kMaps, config_map("a"));
  CHECK(frame(*watch).is_null());
  api.merge(kMaps + "/a", {{"metadata", {{"labels", {{"tier", "gold"}}}}}});
  CHECK(frame(*watch)["type"] == "ADDED");
  api.merge(kMaps + "/a", {{"metadata", {{"labels", {{"tier", nullptr}}}}}});
  CHECK(frame(*watch)["type"] == "DELETED");
}

TEST_CASE("streaming list: initial objects, then the bookmark that ends them, then changes") {
  Api api;
  api.post(kMaps, config_map("a"));
  auto watch = api.watch(
      kMaps +
      "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
  CHECK(frame(*watch)["object"]["metadata"]["name"] == "a");
  const Json bookmark = frame(*watch);
  CHECK(bookmark["type"] == "BOOKMARK");
  CHECK(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true");
  CHECK(bookmark["object"]["metadata"]["resourceVersion"] == std::to_string(api.server.version()));
  api.post(kMaps, config_map("b"));
  CHECK(frame(*watch)["object"]["metadata"]["name"] == "b");
}

TEST_CASE("streaming list without bookmarks allowed: refused") {
  Api api;
  CHECK(
      api.raw("GET", kMaps + "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan").status ==
      422);
}

TEST_CASE("compaction: a watch behind it gets ERROR 410 and ends; an old continue token gets 410") {
  Api api;
  for (const char* name : {"a", "b", "c"})
    api.post(kMaps, config_map(name));
  const auto page = api.get(kMaps + "?limit=2");
  const std::string token = page.body["metadata"]["continue"];
  auto watch = api.watch(kMaps + "?watch=true&resourceVersion=" + std::to_string(api.server.version()));
  api.post(kMaps, config_map("d"));
  api.server.compact();
  const Json error = frame(*watch);
  CHECK(error["type"] == "ERROR");
  CHECK(error["object"]["code"] == 410);
  CHECK(watch->ended());
  CHECK(api.get(kMaps + "?limit=2&continue=" + token).status == 410);
}

TEST_CASE("pages: all belong to the version of the first, whatever happens between") {
  Api api;
  for (const char* name : {"a", "b", "c", "d"})
    api.post(kMaps, config_map(name));
  const auto first = api.get(kMaps + "?limit=2");
  CHECK(first.body["items"].size() == 2);
  CHECK(first.body["metadata"]["remainingItemCount"] == 2);
  api.remove(kMaps + "/c");
  api.post(kMaps, config_map("e"));
  const std::string token = first.body["metadata"]["continue"];
  const auto second = api.get(kMaps + "?limit=5&continue=" + token);
  REQUIRE(second.body["items"].size() == 2);
  CHECK(second.body["items"][0]["metadata"]["name"] == "c");
  CHECK(second.body["items"][1]["metadata"]["name"] == "d");
  CHECK(second.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]);
}

TEST_CASE("event: one store, two views") {
  Api api;
  const std::string core = "/api/v1/namespaces/default/events";
  api.post(core, {{"metadata", {{"name", "e"}}},
                  {"involvedObject", {{"kind", "Pod"}, {"name", "p"}, {"namespace", "default"}}},
                  {"message", "hello"},
                  {"reason", "Test"},
                  {"type", "Normal"}});
  const Json view = api.get("/apis/events.k8s.io/v1/namespaces/default/events/e").body;
  CHECK(view["apiVersion"] == "events.k8s.io/v1");
  CHECK(view["note"] == "hello");
  CHECK(view["regarding"]["name"] == "p");
  CHECK(api.get(core + "?fieldSelector=involvedObject.name%3Dp").body["items"].size() == 1);
  CHECK(api.get(core + "?fieldSelector=involvedObject.name%3Dq").body["items"].empty());
}
