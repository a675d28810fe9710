#include <catch2/catch.hpp>

#include "api.h"
#include "sandbox/apiserver/pod_contents.h"

namespace stowage::sandbox {
namespace {

const char* const kPod = "/api/v1/namespaces/default/pods/p";

struct Scripted final : PodContents {
  std::vector<LogLine> lines;
  std::vector<LogLine> log(const nlohmann::json&, const std::string&, WallTime) override { return lines; }
  std::optional<PodAnswer> get(const nlohmann::json&, std::string_view, WallTime) override {
    return std::nullopt;
  }
};

/// A pod on a node whose container runs and has written two lines.
struct Running : Api {
  Scripted contents;

  Running() {
    server.attach(&contents);
    nlohmann::json object = pod("p");
    object["spec"]["nodeName"] = "n";
    REQUIRE(post("/api/v1/namespaces/default/pods", object).status == 201);
    state({{"running", nlohmann::json::object()}});
    say("one");
    say("two");
  }
  ~Running() { server.attach(nullptr); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void state(const nlohmann::json& what) {
    REQUIRE(merge(std::string(kPod) + "/status",
                  {{"status", {{"containerStatuses", {{{"name", "main"}, {"state", what}}}}}}})
                .status == 200);
  }
  void say(const std::string& text) { contents.lines.push_back({now += std::chrono::seconds(1), text}); }
  Response log(const std::string& query) { return raw("GET", std::string(kPod) + "/log?" + query); }
};

}  // namespace

TEST_CASE("log that is not followed: ends with what is there") {
  Running api;
  const Response answer = api.log("tailLines=1");
  CHECK(answer.body == "two\n");
  CHECK(answer.stream == nullptr);
}

TEST_CASE("followed log: each new line once, until the container ends") {
  Running api;
  const Response answer = api.log("follow=true&tailLines=1");
  CHECK(answer.body == "two\n");
  REQUIRE(answer.stream != nullptr);
  CHECK(answer.stream->next(api.now).empty());
  api.say("three");
  api.say("three");
  CHECK(answer.stream->next(api.now) == "three\nthree\n");
  api.contents.lines.erase(api.contents.lines.begin());  // the oldest are forgotten
  api.say("four");
  CHECK(answer.stream->next(api.now) == "four\n");
  CHECK_FALSE(answer.stream->ended());
  api.say("bye");
  api.state({{"terminated", {{"exitCode", 0}}}});
  CHECK(answer.stream->next(api.now) == "bye\n");
  CHECK(answer.stream->ended());
}

TEST_CASE("followed log of a pod that goes away, or of limited length: ends") {
  Running api;
  const Response limited = api.log("follow=true&limitBytes=10");
  const Response gone = api.log("follow=true&timestamps=true");
  CHECK_THAT(gone.body, Catch::Contains("Z one\n"));
  api.say("three");
  CHECK(limited.stream->next(api.now) == "th");
  CHECK(limited.stream->ended());
  REQUIRE(api.remove(std::string(kPod) + "?gracePeriodSeconds=0").status == 200);
  CHECK(gone.stream->next(api.now).empty());
  CHECK(gone.stream->ended());
}

}  // namespace stowage::sandbox
