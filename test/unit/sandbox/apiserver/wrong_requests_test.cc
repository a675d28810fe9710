#include <catch2/catch.hpp>

#include "api.h"

namespace stowage::sandbox {
namespace {

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";

struct Case {
  const char* method;
  const char* target;  ///< After the collection's path.
  const char* body;
  const char* type;
  int status;
  const char* message;  ///< A part of it.
};

}  // namespace

// What kube-apiserver answers; test/contract asks both.
TEST_CASE("wrong requests: the real server's status and words") {
  const auto c = GENERATE(
      Case{"GET", "?labelSelector=a%20in", "", "", 400,
           "unable to parse requirement: found '' expected: '('"},
      Case{"GET", "?labelSelector=a%3Db,", "", "", 400, "found '', expected: identifier after ','"},
      Case{"GET", "?labelSelector=%21%21a", "", "", 400, "found '!', expected: identifier"},
      Case{"GET", "?labelSelector=a%3Db%20c", "", "", 400, "found 'c', expected: ',' or 'end of string'"},
      Case{"GET", "?labelSelector=/a", "", "", 400, "Invalid value: \"/a\": prefix part must be non-empty"},
      Case{"GET", "?labelSelector=a%3E1,a%3Cx", "", "", 400,
           "values[0]: Invalid value: \"x\": for 'Gt', 'Lt'"},
      Case{"GET", "?fieldSelector=metadata.name%3Da%3Db", "", "", 400, "unescaped character in value: 61"},
      Case{"GET", "?fieldSelector=metadata.name%3D%5C", "", "", 400, "invalid escape sequence: \\"},
      Case{"GET", "?limit=x", "", "", 400, "strconv.ParseInt: parsing \"x\": invalid syntax"},
      Case{"GET", "?resourceVersion=x", "", "", 400,
           "invalid resource version: resourceVersion: Invalid value"},
      Case{"GET", "?sendInitialEvents=true", "", "", 422, "sendInitialEvents is forbidden for list"},
      Case{"GET", "?continue=x", "", "", 400, "invalid continue token: continue key is not valid"},
      Case{"GET", "?watch=1&continue=x", "", "", 422, "continue is forbidden for watch"},
      Case{"GET", "/..", "", "", 400, "Name parameter invalid: \"..\": may not be '..'"},
      Case{"POST", "", "null", "application/json", 422, "name or generateName is required"},
      Case{"POST", "", "{\"kind\":1}", "application/json", 400,
           "cannot unmarshal number into Go struct field .kind"},
      Case{"POST", "", "{}", "application/merge-patch+json", 415, "in an unknown format"},
      Case{"POST", "", "{}", ";", 415, "in an unknown format"},
      Case{"POST", "?fieldManager=a%0A", "{}", "application/json", 422,
           "invalid character U+000A (at position 1)"},
      Case{"PATCH", "/m", "{}", "text/plain", 415, "415: Unsupported Media Type"},
      Case{"PATCH", "/m", "{\"a\":", "application/merge-patch+json", 400, "invalid JSON patch"},
      Case{"PATCH", "/m", "{}", "application/json-patch+json", 400,
           "into Go value of type []handlers.jsonPatchOp"},
      Case{"PATCH", "/m", "[{\"op\":\"add\",\"value\":1}]", "application/json-patch+json", 422,
           "rejected our request"});
  Api api;
  REQUIRE(api.post(kMaps, config_map("m", {{"a", "1"}})).status == 201);
  CAPTURE(c.target, c.body);
  const Response answer = api.raw(c.method, std::string(kMaps) + c.target, c.body, c.type);
  CHECK(answer.status == c.status);
  CHECK_THAT(nlohmann::json::parse(answer.body)["message"].get<std::string>(), Catch::Contains(c.message));
}

TEST_CASE("odd requests that the real server takes") {
  Api api;
  REQUIRE(api.post(kMaps, config_map("m", {{"a", "1"}})).status == 201);
  const std::string map = std::string(kMaps) + "/m";
  CHECK(api.raw("GET", std::string(kMaps) + "?fieldSelector=,&labelSelector=").status == 200);
  CHECK(api.raw("GET", std::string(kMaps) + "?labelSelector=a%20in%20(,b)").status == 200);
  CHECK(api.raw("GET", std::string(kMaps) + "?watch=maybe").watch != nullptr);
  CHECK(api.raw("GET", std::string(kMaps) + "?watch=FALSE").watch == nullptr);
  CHECK(api.raw("PATCH", map, "null", "application/json-patch+json").status == 200);
  CHECK(api.raw("PATCH", map, R"([{"op":"test","path":"/data/b"}])", "application/json-patch+json").status ==
        200);
  CHECK(api.raw("POST", kMaps, R"({"metadata":{"name":"n"}})", "APPLICATION/JSON; charset=utf-8").status ==
        201);
  const Response merged = api.raw(
      "POST", kMaps, "x: &b {name: k, labels: {a: b}}\nmetadata: {<<: *b, name: o}\n", "application/yaml");
  CHECK(merged.status == 201);
  CHECK(api.get(std::string(kMaps) + "/o").body["metadata"]["labels"]["a"] == "b");
}

TEST_CASE("deletion of all objects in all namespaces: not allowed") {
  Api api;
  REQUIRE(api.post(kMaps, config_map("m")).status == 201);
  CHECK(api.raw("DELETE", "/api/v1/configmaps").status == 405);
  CHECK(api.get(std::string(kMaps) + "/m").status == 200);
}

TEST_CASE("forms that a client would take: the dearest one that there is, or 406") {
  Api api;
  const auto answer = [&](const char* accept) { return api.raw("GET", kMaps, "", "", accept); };
  CHECK(answer("application/json;q=0.1, application/yaml").content_type == "application/yaml");
  CHECK(answer("application/json;as=Table;v=v2;g=meta.k8s.io").status == 406);
  CHECK(answer("application/json;as=Table;v=v2;g=meta.k8s.io, application/json").status == 200);
  CHECK_THAT(answer("application/json;as=Table;v=v1;g=meta.k8s.io").body,
             Catch::Contains("\"kind\":\"Table\""));
  CHECK(answer("application/*").status == 406);
  CHECK(answer("text/html, */*;q=0.1").status == 200);
}

}  // namespace stowage::sandbox
