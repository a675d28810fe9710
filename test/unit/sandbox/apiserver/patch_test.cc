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
  CHECK(api.json_patch(kMaps + "/a", {{{"op", "remove"}, {"path", "/data/none"}}}).status == 422);
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

TEST_CASE("JSON patch as Go does it: indices from the end, members that are not there read as null") {
  Api api;
  api.post(kMaps, config_map("a", {{"x", "1"}}));
  const auto patched = [&](const Json& ops) { return api.json_patch(kMaps + "/a?dryRun=All", ops); };
  CHECK(patched({{{"op", "replace"}, {"path", "/data/new"}, {"value", "9"}}}).body["data"]["new"] == "9");
  CHECK(patched({{{"op", "copy"}, {"from", "/data/none"}, {"path", "/data/y"}}}).body["data"]["y"] == "");
  const Json list = {{"op", "add"}, {"path", "/metadata/finalizers"}, {"value", {"a.b/c", "a.b/d"}}};
  const auto last = patched({list, {{"op", "remove"}, {"path", "/metadata/finalizers/-1"}}});
  CHECK(last.body["metadata"]["finalizers"] == Json({"a.b/c"}));
  CHECK(patched({list, {{"op", "remove"}, {"path", "/metadata/finalizers/00"}}}).status == 200);
  CHECK(patched({list, {{"op", "remove"}, {"path", "/metadata/finalizers/2"}}}).status == 422);
  CHECK(patched({list, {{"op", "remove"}, {"path", "/metadata/finalizers/-3"}}}).status == 422);
  CHECK(patched({{{"op", 1}, {"path", "/data"}}}).status == 400);
  CHECK(patched({{{"op", "replace"}, {"path", ""}, {"value", Json::object()}}}).status == 400);
}

TEST_CASE("JSON patch that nests a value into itself again and again: refused, no deep recursion") {
  Api api;
  api.post(kMaps, config_map("a", {{"x", "1"}}));
  Json ops = Json::array({{{"op", "add"}, {"path", "/data"}, {"value", Json::object()}}});
  std::string path = "/data";
  for (int i = 0; i < 16; ++i) {  // the depth doubles each time
    const std::string below = path + "/k";
    ops.push_back({{"op", "copy"}, {"from", "/data"}, {"path", below}});
    for (size_t k = path.size(); k < below.size() * 2; k += 2)
      path += "/k";
  }
  CHECK(api.json_patch(kMaps + "/a", ops).status == 422);
}

TEST_CASE(
    "patches of wrong types: 422 about the patch; malformed strategic patches: as kube-apiserver has it") {
  struct Case {
    Json patch;
    int status;
    std::string message;
  };
  const auto containers = [](const Json& list) {
    return Json({{"spec", {{"template", {{"spec", {{"containers", list}}}}}}}});
  };
  const auto c = GENERATE_COPY(
      Case{{{"spec", "x"}}, 422, "cannot restore struct from: string"},
      Case{{{"spec", {{"replicas", Json::array()}}}},
           422,
           "map[spec:map[replicas:[]]]\": unrecognized type: int32"},
      Case{{{"spec", {{"replicas", 1.5}}}}, 422, "cannot convert float64 to int32"},
      Case{containers(Json::object()), 422, "cannot restore slice from map"},
      Case{containers({"a"}), 500, "list element types are not identical"},
      Case{containers({{{"image", "x"}}}), 500,
           "map: map[image:x] does not contain declared merge key: name"},
      Case{containers({{{"name", "main"}, {"$patch", "x"}}}), 500, "unknown patch type: x in map"},
      Case{{{"$patch", 1}}, 500, "unknown patch type: %!s(int64=1) in map: map[$patch:1]"},
      Case{{{"spec", {{"$setElementOrder/none", Json::array()}}}}, 500, "unable to find api field in struct"},
      Case{{{"spec", {{"strategy", {{"$retainKeys", "x"}}}}}}, 400, "invalid patch format of retainKeys"},
      Case{Json(nullptr), 200, ""}, Case{{{"kind", "Pod"}}, 200, ""},
      Case{{{"$patch", "delete"}}, 400, "was undeterminable"});
  Api api;
  api.post(kDeployments, deployment(1));
  CAPTURE(c.patch.dump());
  const Response answer = api.raw("PATCH", kDeployments + "/d?dryRun=All", c.patch.dump(),
                                  "application/strategic-merge-patch+json");
  CHECK(answer.status == c.status);
  const Json body = Json::parse(answer.body);
  CHECK_THAT(body.value("message", std::string()), Catch::Contains(c.message));
  if (c.status == 500) CHECK(!body.contains("reason"));
}

TEST_CASE("merge patch that makes another kind, or a wrong type: 422 about the patch") {
  Api api;
  api.post(kDeployments, deployment(1));
  CHECK_THAT(api.merge(kDeployments + "/d", {{"kind", "Pod"}}).message(), Catch::Contains("no kind \"Pod\""));
  const auto wrong = api.merge(kDeployments + "/d", {{"spec", {{"replicas", "x"}}}});
  CHECK(wrong.status == 422);
  CHECK(wrong.body["details"]["causes"][0]["field"] == "patch");
  CHECK(api.merge(kDeployments + "/d", {{"spec", {{"selector", {{"matchLabels", {{"a", "c"}}}}}}}}).status ==
        422);
}

TEST_CASE("strategic merge: new items come in the patch's order, the server's keep their place") {
  Api api;
  api.post(kDeployments, deployment(1));
  const auto names = [&](const Json& pod_spec) {
    std::string out;
    const auto answer =
        api.strategic(kDeployments + "/d?dryRun=All", {{"spec", {{"template", {{"spec", pod_spec}}}}}});
    for (const Json& item : answer.body["spec"]["template"]["spec"]["containers"])
      out += item["name"].get<std::string>() + " ";
    return out;
  };
  const Json b = {{"name", "b"}, {"image", "y"}};
  const Json a = {{"name", "a"}, {"image", "y"}};
  CHECK(names({{"containers", {b, a}}}) == "b a main ");
  CHECK(names({{"containers", {b}},
               {"$setElementOrder/containers", {{{"name", "main"}}, {{"name", "b"}}}}}) == "main b ");
}

TEST_CASE("apply: an item given twice, or an unknown field: no typed patch object") {
  Api api;
  api.post(kDeployments, deployment(1));
  Json applied = deployment(1);
  applied["spec"]["template"]["spec"]["containers"] = {{{"name", "a"}, {"image", "x"}},
                                                       {{"name", "a"}, {"image", "y"}}};
  CHECK_THAT(api.apply(kDeployments + "/d", applied, "one").message(),
             Catch::Contains(".spec.template.spec.containers: duplicate entries for key [name=\"a\"]"));
  applied = deployment(1);
  applied["spec"]["wrong"] = 1;
  CHECK(api.apply(kDeployments + "/d", applied, "one").status == 500);
}
