#include <catch2/catch.hpp>

#include "api.h"

using namespace stowage::sandbox;

namespace {

const std::string kRevisions = "/apis/apps/v1/namespaces/default/controllerrevisions";

std::string revision(const std::string& data, int number = 1) {
  return R"({"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":"x"},"revision":)" +
         std::to_string(number) + R"(,"data":)" + data + "}";
}

/// "" when the answer is good, else its message.
std::string said(const Response& answer) {
  return answer.status < 300 ? "" : Json::parse(answer.body)["message"].get<std::string>();
}

const std::string kLabel = R"({"metadata":{"labels":{"a":"b"}}})";
const std::string kMerge = "application/merge-patch+json";
const std::string kStrategic = "application/strategic-merge-patch+json";

std::string refused(const std::string& data) {
  return "ControllerRevision.apps \"x\" is invalid: data: Invalid value: " + data + ": field is immutable";
}

}  // namespace

// All outcomes as kube-apiserver 1.37.2 had them for the same requests.

TEST_CASE("revision's data in other bytes: refused, whatever they mean") {
  Api api;
  const std::string odd = R"({"b":1,"a": {"z":[1, 2],"y":1.0}})";
  REQUIRE(said(api.raw("POST", kRevisions, revision(odd))) == "");
  CHECK(said(api.raw("PUT", kRevisions + "/x", revision(odd, 2))) == "");
  const std::string compact = R"({"b":1,"a":{"z":[1,2],"y":1.0}})";
  CHECK(said(api.raw("PUT", kRevisions + "/x", revision(compact, 2))) == refused(compact));
  const std::string sorted = R"({"a":{"y":1.0,"z":[1,2]},"b":1})";
  CHECK(said(api.raw("PUT", kRevisions + "/x", revision(sorted, 2))) == refused(sorted));
  CHECK(said(api.raw("PUT", kRevisions + "/x", revision("null", 2))) == refused("null"));
  // A patch of something else sends them on as Go's JSON writes them.
  CHECK(said(api.raw("PATCH", kRevisions + "/x", kLabel, kMerge)) == refused(compact));
  CHECK(said(api.raw("PATCH", kRevisions + "/x", kLabel, kStrategic)) ==
        refused(R"({"a":{"y":1,"z":[1,2]},"b":1})"));
}

TEST_CASE("revision's data as Go writes it: patches of something else pass") {
  Api api;
  const bool yaml = GENERATE(false, true);
  const std::string data = R"({"a":{"x":1000,"z":[1,true,null]},"b":"c"})";
  if (yaml) {
    REQUIRE(said(api.raw("POST", kRevisions,
                         "apiVersion: apps/v1\nkind: ControllerRevision\nmetadata: {name: x}\nrevision: 1\n"
                         "data: {b: c, a: {z: [1, true, null], x: 1000}}\n",
                         "application/yaml")) == "");
  } else {
    REQUIRE(said(api.raw("PATCH", kRevisions + "/x?fieldManager=m", revision("  " + data),
                         "application/apply-patch+yaml")) == "");
  }
  CHECK(said(api.raw("PUT", kRevisions + "/x", revision(data, 2))) == "");
  CHECK(said(api.raw("PATCH", kRevisions + "/x", kLabel, kMerge)) == "");
  CHECK(said(api.raw("PATCH", kRevisions + "/x", kLabel, kStrategic)) == "");
  CHECK(said(api.raw("PATCH", kRevisions + "/x", R"([{"op":"add","path":"/revision","value":3}])",
                     "application/json-patch+json")) == "");
  const std::string other = R"({"b":"c","a":{"x":1000,"z":[1,true,null]}})";
  CHECK(said(api.raw("PUT", kRevisions + "/x", revision(other, 2))) == refused(other));
}

TEST_CASE("revision's data with numbers or markup that Go writes otherwise") {
  struct Case {
    std::string sent, patched;
  };
  const auto c =
      GENERATE(Case{R"({"y":"<&>"})", R"({"y":"\u003c\u0026\u003e"})"}, Case{R"({"y":1.0})", R"({"y":1})"},
               Case{R"({"y":1e3})", R"({"y":1000})"}, Case{R"({"y":1e-7})", ""},
               Case{R"({"y":1e-07})", R"({"y":1e-7})"}, Case{R"({"y":1e21})", R"({"y":1e+21})"},
               Case{R"({"y":0.5})", ""}, Case{R"({"y":"é\"\\"})", ""},
               Case{R"({"y":12345678901234567890})", R"({"y":12345678901234567000})"});
  Api api;
  CAPTURE(c.sent);
  REQUIRE(said(api.raw("POST", kRevisions, revision(c.sent))) == "");
  CHECK(said(api.raw("PATCH", kRevisions + "/x", kLabel, kStrategic)) ==
        (c.patched.empty() ? "" : refused(c.patched)));
}

TEST_CASE("revision without data, or with data that is no object: refused") {
  Api api;
  const std::string head = "ControllerRevision.apps \"x\" is invalid: data: Required value: ";
  CHECK(said(api.raw("POST", kRevisions, revision("null"))) == head + "data is mandatory");
  for (const char* data : {"7", "[1]", "\"text\""})
    CHECK(said(api.raw("POST", kRevisions, revision(data))) == head + "data must be a valid JSON object");
}

TEST_CASE("revision's data in a copy of the server, and under a name used again") {
  Api api;
  REQUIRE(said(api.raw("POST", kRevisions, revision(R"({"a": 1})"))) == "");
  Server fork = api.server.fork(3);
  const auto put = [&](Server& server) {
    return server
        .handle({.method = "PUT",
                 .path = kRevisions + "/x",
                 .content_type = "application/json",
                 .body = revision(R"({"a":1})", 2)},
                api.now)
        .status;
  };
  CHECK(put(fork) == 422);
  REQUIRE(said(api.raw("DELETE", kRevisions + "/x")) == "");
  REQUIRE(said(api.raw("POST", kRevisions, revision(R"({"a":1})"))) == "");
  CHECK(put(api.server) == 200);
}
