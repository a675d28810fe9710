#include <catch2/catch.hpp>

#include "api.h"
#include "sandbox/apiserver/go_text.h"

namespace stowage::sandbox {
namespace {

const std::string kMaps = "/api/v1/namespaces/default/configmaps";
const std::string kUid = "11111111-1111-4111-8111-111111111111";

Json owner(const std::string& version, const std::string& kind, const std::string& uid = kUid) {
  return {{"apiVersion", version}, {"kind", kind}, {"name", "o"}, {"uid", uid}};
}

}  // namespace

TEST_CASE("metadata that kube-apiserver refuses: 422 with its words") {
  struct Case {
    Json metadata;
    std::string field, message;
  };
  Json two = Json::array({owner("v1", "Pod"), owner("v1", "Pod")});
  for (Json& one : two)
    one["controller"] = true;
  const auto c = GENERATE_COPY(
      Case{{{"generateName", std::string(300, 'n')}}, "metadata.generateName", "no more than 253"},
      Case{{{"generateName", "A_-"}}, "metadata.generateName", "Invalid value: \"A_-\""},
      Case{{{"name", "x"}, {"generation", -1}}, "metadata.generation", "greater than or equal to 0"},
      Case{{{"name", "x"}, {"labels", {{"a/b/c", ""}}}}, "metadata.labels", "with an optional DNS subdomain"},
      Case{{{"name", "x"}, {"annotations", {{"a/", ""}}}},
           "metadata.annotations",
           "name part must be non-empty"},
      Case{{{"name", "x"}, {"finalizers", {"orphan", "foregroundDeletion"}}},
           "metadata.finalizers",
           "cannot be both set"},
      Case{{{"name", "x"}, {"ownerReferences", {owner("v1", "Pod", "")}}},
           "metadata.ownerReferences[0].uid",
           "Required value: must not be empty"},
      Case{{{"name", "x"}, {"ownerReferences", {owner("a/b/c", "Pod")}}},
           "metadata.ownerReferences[0].apiVersion",
           "must be <group>/<version> or <version>"},
      Case{{{"name", "x"}, {"ownerReferences", {owner("v1", "Event")}}},
           "metadata.ownerReferences[0]",
           "disallowed from being an owner"},
      Case{{{"name", "x"}, {"ownerReferences", two}},
           "metadata.ownerReferences",
           "Found \"true\" in references for Pod/o and Pod/o"});
  CAPTURE(c.metadata.dump());
  Api api;
  const auto answer = api.post(kMaps, {{"metadata", c.metadata}});
  REQUIRE(answer.status == 422);
  const Json cause = answer.body["details"]["causes"][0];
  CHECK(cause["field"] == c.field);
  CHECK_THAT(cause["message"].get<std::string>(), Catch::Contains(c.message));
}

TEST_CASE("a patch of the UID: 422; a PUT of another UID: 409; a PUT without a name: 400") {
  Api api;
  api.post(kMaps, config_map("a"));
  const Json uid = {{"metadata", {{"uid", kUid}}}};
  CHECK(api.merge(kMaps + "/a", uid).body["details"]["causes"][0]["field"] == "metadata.uid");
  CHECK(api.strategic(kMaps + "/a", uid).status == 422);
  Json applied = config_map("a");
  applied["metadata"]["uid"] = kUid;
  CHECK(api.put(kMaps + "/a", applied).status == 409);
  CHECK(api.put(kMaps + "/a", {{"data", {{"a", "b"}}}}).status == 400);
  CHECK(api.merge(kMaps + "/a", {{"metadata", {{"deletionTimestamp", "2026-01-02T03:04:05Z"}}}}).status ==
        422);
}

TEST_CASE("DeleteOptions: a body counts alone, and is checked") {
  Api api;
  api.post(kMaps, config_map("a"));
  const auto refused = [&](const Json& body) { return api.remove(kMaps + "/a", body); };
  CHECK(refused({{"gracePeriodSeconds", "x"}}).message() ==
        "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64");
  CHECK(refused({{"preconditions", Json::array()}}).status == 400);
  CHECK(refused({{"dryRun", {"Some"}}}).status == 422);
  CHECK(refused({{"propagationPolicy", "Orphan"}, {"orphanDependents", true}}).status == 422);
  CHECK(refused({{"kind", "ConfigMap"}, {"apiVersion", "v1"}}).status == 400);
  CHECK(api.raw("DELETE", kMaps + "/a?gracePeriodSeconds=x").status == 400);
  CHECK(api.raw("DELETE", kMaps + "/a?propagationPolicy=Sideways").status == 422);
  CHECK(api.raw("DELETE", kMaps + "/a?dryRun=All").status == 200);
  CHECK(api.get(kMaps + "/a").status == 200);
  CHECK(api.raw("DELETE", kMaps + "/a?dryRun=All", "{}").status == 200);  // the query is not looked at
  CHECK(api.get(kMaps + "/a").status == 404);
}

TEST_CASE("apply lets go of its labels: those of others and the rest of metadata stay") {
  Api api;
  Json one = config_map("a", {{"k", "v"}});
  one["metadata"]["labels"] = {{"mine", "1"}};
  Json two = config_map("a", {{"k", "v"}});
  two["metadata"]["labels"] = {{"theirs", "1"}};
  api.apply(kMaps + "/a", one, "one");
  api.apply(kMaps + "/a", two, "two");
  const auto left = api.apply(kMaps + "/a", config_map("a", {{"k", "v"}}), "one");
  REQUIRE(left.status == 200);
  CAPTURE(left.body.dump());
  REQUIRE(left.body["metadata"].contains("labels"));
  CHECK(left.body["metadata"]["labels"] == Json({{"theirs", "1"}}));
  CHECK(left.body["metadata"].contains("creationTimestamp"));
}

TEST_CASE("paths: an escaped slash is a slash, an empty segment is no name") {
  Api api;
  api.post(kMaps, config_map("a"));
  CHECK(api.raw("GET", kMaps + "//a").status == 404);
  CHECK(api.raw("GET", kMaps + "%2fa").status == 200);
  CHECK(api.get(kMaps + "/a%00b").message() == "configmaps \"a\\x00b\" not found");
}

TEST_CASE(
    "JSON that Go takes: bytes that are no UTF-8 and half a pair become U+FFFD; a byte order mark is not "
    "taken") {
  Api api;
  const auto sent = [&](const std::string& name, const std::string& value) {
    return api.raw("POST", kMaps, R"({"metadata":{"name":")" + name + R"("},"data":{"k":")" + value + "\"}}")
        .status;
  };
  CHECK(sent("a", "\xff\xfe") == 201);
  CHECK(sent("b", "\\ud800x") == 201);
  CHECK(sent("c", "\\\\ud800") == 201);
  CHECK(api.get(kMaps + "/a").body["data"]["k"] == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(api.get(kMaps + "/b").body["data"]["k"] == "\xef\xbf\xbdx");
  CHECK(api.get(kMaps + "/c").body["data"]["k"] == "\\ud800");
  CHECK(api.raw("POST", kMaps, "\xef\xbb\xbf{\"metadata\":{\"name\":\"d\"}}").status == 400);
}

TEST_CASE("YAML: whole numbers with the bases of Go") {
  Api api;
  for (const char* number : {"0o17", "017", "0x1f", "0b11", "1_000", "-0x1"}) {
    const std::string body = std::string("metadata: {name: n}\ndata: {a: ") + number + "}\n";
    CHECK(api.raw("POST", kMaps, body, "application/yaml").status == 400);  // a number is no text
  }
  CHECK(api.raw("POST", kMaps, "metadata: {name: x}\ndata: {a: 0z1}\n", "application/yaml").status == 201);
}

TEST_CASE("Go's words for times and values") {
  CHECK(
      go_time_problem("yesterday") ==
      "parsing time \"yesterday\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"yesterday\" as \"2006\"");
  CHECK(go_time_problem("2026-13-01T00:00:00Z") ==
        "parsing time \"2026-13-01T00:00:00Z\": month out of range");
  CHECK_THAT(go_time_problem("2026-01-01"), Catch::EndsWith("cannot parse \"\" as \"T\""));
  CHECK_THAT(go_time_problem("2026-01-01T00:00:00Zx"), Catch::EndsWith("extra text: \"x\""));
  CHECK(go_value({{"b", {1, "x", nullptr}}, {"a", true}}) == "map[a:true b:[1 x <nil>]]");
  CHECK(go_quote("a\n\"\x01") == "\"a\\n\\\"\\x01\"");
}

}  // namespace stowage::sandbox
