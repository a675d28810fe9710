#include <catch2/catch.hpp>

#include "api.h"

using namespace stowage::sandbox;

namespace {
const std::string kMaps = "/api/v1/namespaces/default/configmaps";
const std::string kPods = "/api/v1/namespaces/default/pods";
const std::string kDeployments = "/apis/apps/v1/namespaces/default/deployments";

Json deployment(int replicas) {
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", "d"}}},
          {"spec",
           {{"replicas", replicas},
            {"selector", {{"matchLabels", {{"a", "b"}}}}},
            {"template",
             {{"metadata", {{"labels", {{"a", "b"}}}}},
              {"spec", {{"containers", {{{"name", "main"}, {"image", "x:1"}}}}}}}}}}};
}
}  // namespace

TEST_CASE("merge patch: null removes, objects merge") {
  Api api;
  api.post(kMaps, config_map("a", {{"x", "1"}, {"y", "2"}}));
  const Json data = api.merge(kMaps + "/a", {{"data", {{"x", nullptr}, {"z", "3"}}}}).body["data"];
  CHECK(data == Json({{"y", "2"}, {"z", "3"}}));
}

TEST_CASE("JSON patch: operations in order; a failed test or a missing path changes nothing") {
  Api api;
  api.post(kMaps, config_map("a", {{"x", "1"}}));
  const auto done = api.json_patch(kMaps + "/a", {{{"op", "test"}, {"path", "/data/x"}, {"value", "1"}},
                                                  {{"op", "add"}, {"path", "/data/y"}, {"value", "2"}},
                                                  {{"op", "remove"}, {"path", "/data/x"}}});
  CHECK(done.status == 200);
  CHECK(done.body["data"] == Json({{"y", "2"}}));
  CHECK(api.json_patch(kMaps + "/a", {{{"op", "test"}, {"path", "/data/y"}, {"value", "9"}}}).status == 422);
  CHECK(api.json_patch(kMaps + "/a", {{{"op", "replace"}, {"path", "/data/none"}, {"value", "9"}}}).status ==
        422);
  CHECK(api.json_patch(kMaps + "/a", {{{"op", "dance"}, {"path", "/data"}}}).status == 422);
}

TEST_CASE("strategic merge patch: containers merge by name, $patch delete removes one") {
  Api api;
  api.post(kDeployments, deployment(1));
  auto changed = api.strategic(
      kDeployments + "/d",
      {{"spec",
        {{"template",
          {{"spec",
            {{"containers",
              {{{"name", "main"}, {"image", "x:2"}}, {{"name", "side"}, {"image", "s:1"}}}}}}}}}}});
  REQUIRE(changed.status == 200);
  REQUIRE(changed.body["spec"]["template"]["spec"]["containers"].size() == 2);
  CHECK(changed.body["spec"]["template"]["spec"]["containers"][0]["image"] == "x:2");
  CHECK(changed.body["metadata"]["generation"] == 2);
  changed = api.strategic(
      kDeployments + "/d",
      {{"spec", {{"template", {{"spec", {{"containers", {{{"name", "side"}, {"$patch", "delete"}}}}}}}}}}});
  CHECK(changed.body["spec"]["template"]["spec"]["containers"].size() == 1);
}

TEST_CASE("apply: creates, owns what it names, removes what it no longer names") {
  Api api;
  const auto made = api.apply(kMaps + "/a", config_map("a", {{"x", "1"}, {"y", "2"}}), "one");
  REQUIRE(made.status == 201);
  CHECK(made.body["metadata"]["managedFields"][0]["operation"] == "Apply");
  CHECK(made.body["metadata"]["managedFields"][0]["fieldsV1"] ==
        Json::parse(R"({"f:data":{"f:x":{},"f:y":{}}})"));
  const uint64_t version = api.server.version();
  CHECK(api.apply(kMaps + "/a", config_map("a", {{"x", "1"}, {"y", "2"}}), "one").status == 200);
  CHECK(api.server.version() == version);
  CHECK(api.apply(kMaps + "/a", config_map("a", {{"x", "1"}}), "one").body["data"] == Json({{"x", "1"}}));
}

TEST_CASE("apply over another manager's value: conflict with causes; force takes it over") {
  Api api;
  api.post(kDeployments + "?fieldManager=creator", deployment(1));
  Json wanted = {{"apiVersion", "apps/v1"},
                 {"kind", "Deployment"},
                 {"metadata", {{"name", "d"}}},
                 {"spec", {{"replicas", 3}}}};
  const auto refused = api.apply(kDeployments + "/d", wanted, "scaler");
  REQUIRE(refused.status == 409);
  CHECK(refused.message() ==
        "Apply failed with 1 conflict: conflict with \"creator\" using apps/v1: "
        ".spec.replicas");
  CHECK(refused.body["details"]["causes"][0]["reason"] == "FieldManagerConflict");
  CHECK(refused.body["details"]["causes"][0]["field"] == ".spec.replicas");
  const auto forced = api.apply(kDeployments + "/d", wanted, "scaler", true);
  CHECK(forced.status == 200);
  CHECK(forced.body["spec"]["replicas"] == 3);
  for (const Json& entry : forced.body["metadata"]["managedFields"]) {
    if (entry["manager"] == "creator") CHECK(!entry["fieldsV1"]["f:spec"].contains("f:replicas"));
  }
}

TEST_CASE("apply by two managers: what both name stays when one lets go") {
  Api api;
  api.apply(kMaps + "/a", config_map("a", {{"x", "1"}, {"y", "1"}}), "one");
  api.apply(kMaps + "/a", config_map("a", {{"x", "1"}}), "two");
  const auto left = api.apply(kMaps + "/a", config_map("a", Json::object()), "one");
  CHECK(left.body["data"] == Json({{"x", "1"}}));
}

TEST_CASE("apply without a manager, or with managedFields: refused") {
  Api api;
  CHECK(api.call("PATCH", kMaps + "/a", config_map("a"), "application/apply-patch+yaml").status == 422);
  Json object = config_map("a");
  object["metadata"]["managedFields"] = {{{"manager", "x"}}};
  CHECK(api.apply(kMaps + "/a", object, "one").status == 400);
}

TEST_CASE("scale: reads and sets replicas") {
  Api api;
  api.post(kDeployments, deployment(2));
  CHECK(api.get(kDeployments + "/d/scale").body["spec"]["replicas"] == 2);
  CHECK(api.merge(kDeployments + "/d/scale", {{"spec", {{"replicas", 5}}}}).body["spec"]["replicas"] == 5);
  CHECK(api.get(kDeployments + "/d").body["spec"]["replicas"] == 5);
  CHECK(api.merge(kDeployments + "/d/scale", {{"spec", {{"replicas", -1}}}}).status == 422);
}

TEST_CASE("status subresource: changes status only; the main resource never does") {
  Api api;
  api.post(kPods, pod("p"));
  api.merge(kPods + "/p/status", {{"status", {{"phase", "Running"}}}, {"spec", {{"nodeName", "x"}}}});
  Json got = api.get(kPods + "/p").body;
  CHECK(got["status"]["phase"] == "Running");
  CHECK(!got["spec"].contains("nodeName"));
  api.merge(kPods + "/p", {{"status", {{"phase", "Failed"}}}});
  CHECK(api.get(kPods + "/p").body["status"]["phase"] == "Running");
}
