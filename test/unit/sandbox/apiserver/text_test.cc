// How objects become text and back: the fast ways against the slow ones, and YAML answers.
#include <catch2/catch.hpp>

#include "api.h"
#include "sandbox/apiserver/apply/managed_fields.h"
#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/json_fast.h"
#include "sandbox/apiserver/parsed.h"
#include "sandbox/apiserver/yaml_write.h"

namespace stowage::sandbox {
namespace {

const char* const kDocuments[] = {
    R"({})",
    R"([])",
    R"({"a":1,"b":-2,"c":18446744073709551615,"d":9223372036854775808,"e":1.5,"f":1e300,"g":-0.0,"h":0})",
    R"({"z":1,"a":{"y":[1,[2,[3]],{}],"x":null},"m":[true,false,null,""]})",
    R"({"s":"line\nbreak \"quoted\" back\\slash tab\t \u0001 \u00e9 \u20ac \/ x"})",
    R"({"é":"héllo","emoji":"😀"})",
    R"("text")",
    R"(12345678901234567890123)",
};

}  // namespace

TEST_CASE("well-formed documents: the fast parser and the fast writer give what nlohmann gives") {
  const std::string text = GENERATE(from_range(std::begin(kDocuments), std::end(kDocuments)));
  CAPTURE(text);
  const Json slow = Json::parse(text);
  const auto parsed = parse_json(text);
  REQUIRE(parsed);
  CHECK(parsed->value == slow);
  CHECK(dump(slow) == slow.dump());
  CHECK(parse_stored(dump(slow)) == slow);
}

TEST_CASE("odd documents: the fast parser leaves them to the one that has words") {
  const InputLimits limits{.bytes = 1000, .depth = 3, .nodes = 10};
  for (const char* text :
       {"", "{", "{\"a\":1}x", "{\"a\":1,\"a\":2}", "[[[[1]]]]", "[1,2,3,4,5,6,7,8,9,10,11]", "\"\\ud800\"",
        "\"\\udc00\"", "\"\x01\"", "nul", "{\"a\":1e999}"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_fast(text, limits));
  }
  CHECK(parse_json(R"({"a":1,"a":2})")->duplicates == std::vector<std::string>{"a"});
}

TEST_CASE("bytes that are not UTF-8: replaced in what is written") {
  CHECK(dump(Json("a\xff")) == "\"a\xef\xbf\xbd\"");
}

TEST_CASE("created object: managed fields are those of the general algorithm") {
  const auto builtins = shared_builtins();
  const std::pair<const char*, const char*> cases[] = {
      {"core.v1.Pod",
       R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"a":"b"},"annotations":{},"finalizers":["x/y"],
           "ownerReferences":[{"apiVersion":"v1","kind":"K","name":"n","uid":"u"}]},
           "spec":{"containers":[{"name":"b","image":"i","ports":[{"containerPort":80,"protocol":"TCP"}],"resources":{}},
           {"name":"a","env":[{"name":"E","value":""}],"command":["x"]}],"tolerations":[{"key":"k"}],
           "nodeSelector":{"x":"y"},"securityContext":{},"volumes":[{"name":"v","emptyDir":{}}]}})"},
      {"core.v1.Node", R"({"metadata":{"name":"n"},"spec":{},"status":{"capacity":{"cpu":"1"},
           "conditions":[{"type":"Ready","status":"True"}],"nodeInfo":{"architecture":"amd64"}}})"},
      {"core.v1.ConfigMap", R"({"metadata":{"name":"c","namespace":"n"},"data":{}})"},
      {"core.v1.ConfigMap", R"({"metadata":{"name":"c"}})"},
      {"core.v1.Service",
       R"({"metadata":{"name":"s"},"spec":{"ports":[{"port":80,"protocol":"TCP"},{"port":1}],
           "selector":{"a":"b"},"clusterIPs":["10.0.0.1"]}})"},
  };
  const WallTime now{std::chrono::seconds(1'700'000'000)};
  for (const auto& [type, text] : cases) {
    CAPTURE(text);
    const Schema* schema = builtins->type(type);
    REQUIRE(schema != nullptr);
    Json general = Json::parse(text);
    Json direct = general;
    track_update(nullptr, general, *schema, {"writer \"1\"", "v1", ""}, now);
    track_create(direct, *schema, {"writer \"1\"", "v1", ""}, now);
    CHECK(dump(direct) == dump(general));
  }
}

TEST_CASE("YAML: strings that could be read as something else are quoted") {
  const Json value = {{"a", "true"},
                      {"b", "1"},
                      {"c", "x: y"},
                      {"d", "- z"},
                      {"e", ""},
                      {"f", "plain text"},
                      {"g", "a\nb\n"},
                      {"h", "a\nb"},
                      {"i", "0x10"},
                      {"j", " lead"},
                      {"k", "1e3"},
                      {"l", "null"},
                      {"m", "#no"},
                      {"n", "a #b"},
                      {"o", "it's"},
                      {"p", "*alias"},
                      {"q", "tab\t"},
                      {"r", "~"},
                      {"s", {1, {{"x", 1}, {"y", {2, 3}}}, {4, {5}}, Json::object()}},
                      {"t", Json::array()},
                      {"u", nullptr},
                      {"v", 1.5},
                      {"yes", "no"},
                      {"key\nof two lines", "z"},
                      {"w", "2020-01-01"}};
  const std::string text = to_yaml(value);
  CAPTURE(text);
  const auto back = parse_yaml(text);
  REQUIRE(back);
  CHECK(back->value == value);
}

TEST_CASE("client that asks for YAML: object, list and error come as YAML, watches are refused") {
  Api api;
  api.post("/api/v1/namespaces/default/configmaps", config_map("a", {{"k", "1"}}));
  const auto ask = [&](const std::string& path) {
    return api.raw("GET", path, "", "application/json", "application/yaml");
  };
  const Response object = ask("/api/v1/namespaces/default/configmaps/a");
  CHECK(object.content_type == "application/yaml");
  CHECK_THAT(object.body,
             Catch::StartsWith("apiVersion: v1\ndata:\n  k: \"1\"\nkind: ConfigMap\nmetadata:\n"));
  const Response list = ask("/api/v1/namespaces/default/configmaps");
  CHECK(parse_yaml(list.body)->value["items"].size() == 1);
  const Response missing = ask("/api/v1/namespaces/default/configmaps/b");
  CHECK(missing.status == 404);
  CHECK_THAT(missing.body, Catch::Contains("reason: NotFound"));
  CHECK(ask("/api/v1/namespaces/default/configmaps?watch=true").status == 406);
  CHECK(
      api.raw("GET", "/api/v1/namespaces/default/configmaps/a", "", "", "application/vnd.kubernetes.protobuf")
          .status == 406);
  CHECK(api.raw("GET", "/api/v1/namespaces/default/configmaps/a", "", "",
                "application/vnd.kubernetes.protobuf,application/json")
            .status == 200);
}

}  // namespace stowage::sandbox
