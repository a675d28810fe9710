#include <catch2/catch.hpp>

#include "api.h"

using namespace stowage::sandbox;

namespace {

const std::string kCrds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const std::string kWidgets = "/apis/example.com/v1/namespaces/default/widgets";

Json definition() {
  return Json::parse(
      R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},
    "spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"widgets","kind":"Widget","shortNames":["wd"]},
    "versions":[{"name":"v1","served":true,"storage":true,
      "subresources":{"status":{},"scale":{"specReplicasPath":".spec.replicas","statusReplicasPath":".status.replicas","labelSelectorPath":".status.selector"}},
      "additionalPrinterColumns":[{"name":"Size","type":"integer","jsonPath":".spec.size"},{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}],
      "schema":{"openAPIV3Schema":{"type":"object","required":["spec"],"properties":{
        "spec":{"type":"object","required":["size"],
          "x-kubernetes-validations":[{"rule":"self.size <= self.limit","message":"size must not pass limit"},
                                      {"rule":"!has(oldSelf.color) || has(self.color) && self.color == oldSelf.color","message":"color is immutable"}],
          "properties":{"size":{"type":"integer","minimum":1,"maximum":100},"limit":{"type":"integer","default":50},"replicas":{"type":"integer","default":1},
            "color":{"type":"string","enum":["red","blue"]},"name":{"type":"string","maxLength":8,"pattern":"^[a-z]+$"},
            "parts":{"type":"array","maxItems":3,"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["id"],
              "items":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"weight":{"type":"integer","default":7}}}},
            "raw":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}},
        "status":{"type":"object","properties":{"replicas":{"type":"integer"},"selector":{"type":"string"},
          "conditions":{"type":"array","items":{"type":"object","properties":{"type":{"type":"string"},"reason":{"type":"string"}}}}}}}}}}]}})");
}

Json widget(const Json& spec) {
  return {
      {"apiVersion", "example.com/v1"}, {"kind", "Widget"}, {"metadata", {{"name", "w"}}}, {"spec", spec}};
}

struct WithWidgets : Api {
  WithWidgets() { REQUIRE(post(kCrds, definition()).status == 201); }
};

}  // namespace

TEST_CASE("definition created: established, discovered and served at once") {
  WithWidgets api;
  CHECK(api.get(kCrds + "/widgets.example.com").body["status"]["conditions"].size() == 2);
  CHECK(api.get("/apis/example.com/v1").body["resources"][0]["shortNames"][0] == "wd");
  CHECK(api.get(kWidgets).body["kind"] == "WidgetList");
  CHECK(api.get("/openapi/v3/apis/example.com/v1")
            .body["components"]["schemas"]
            .contains("com.example.v1.Widget"));
}

TEST_CASE("custom object: defaulted, pruned, raw parts kept, generation on spec changes only") {
  WithWidgets api;
  const auto made = api.post(
      kWidgets,
      widget({{"size", 3}, {"wrong", 1}, {"raw", {{"any", {{"thing", 1}}}}}, {"parts", {{{"id", "a"}}}}}));
  REQUIRE(made.status == 201);
  CHECK(made.body["spec"]["limit"] == 50);
  CHECK(made.body["spec"]["parts"][0]["weight"] == 7);
  CHECK(!made.body["spec"].contains("wrong"));
  CHECK(made.body["spec"]["raw"]["any"]["thing"] == 1);
  CHECK(made.body["metadata"]["generation"] == 1);
  CHECK(api.merge(kWidgets + "/w/status", {{"status", {{"replicas", 1}}}}).body["metadata"]["generation"] ==
        1);
  CHECK(api.merge(kWidgets + "/w", {{"spec", {{"size", 4}}}}).body["metadata"]["generation"] == 2);
}

TEST_CASE("schema violations: 422 with one cause each") {
  WithWidgets api;
  const auto refused = [&](const Json& spec, const std::string& text) {
    const auto answer = api.post(kWidgets, widget(spec));
    CHECK(answer.status == 422);
    CHECK_THAT(answer.message(), Catch::Contains(text));
  };
  refused(Json::object(), "spec.size: Required value");
  refused({{"size", "x"}},
          "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\"");
  refused({{"size", 0}},
          "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1");
  refused({{"size", 1}, {"color", "green"}},
          "spec.color: Unsupported value: \"green\": supported values: \"red\", \"blue\"");
  refused({{"size", 1}, {"name", "Abc"}}, "spec.name in body should match '^[a-z]+$'");
  refused({{"size", 1}, {"parts", {{{"id", "a"}}, {{"id", "a"}}}}},
          "spec.parts[1]: Duplicate value: {\"id\":\"a\"}");
}

TEST_CASE("CEL rules: checked on create, transition rules on update") {
  WithWidgets api;
  CHECK_THAT(api.post(kWidgets, widget({{"size", 9}, {"limit", 5}})).message(),
             Catch::Contains("spec: Invalid value: size must not pass limit"));
  REQUIRE(api.post(kWidgets, widget({{"size", 1}, {"color", "red"}})).status == 201);
  CHECK_THAT(api.merge(kWidgets + "/w", {{"spec", {{"color", "blue"}}}}).message(),
             Catch::Contains("color is immutable"));
}

TEST_CASE("printer columns and scale of a custom resource") {
  WithWidgets api;
  api.post(kWidgets, widget({{"size", 3}}));
  api.merge(
      kWidgets + "/w/status",
      {{"status",
        {{"replicas", 1}, {"selector", "a=b"}, {"conditions", {{{"type", "Ready"}, {"reason", "Fine"}}}}}}});
  const auto table = Json::parse(
      api.raw("GET", kWidgets, "", "", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json").body);
  CHECK(table["kind"] == "Table");
  CHECK(table["rows"][0]["cells"] == Json({"w", 3, "Fine"}));
  const Json scale = api.get(kWidgets + "/w/scale").body;
  CHECK(scale["spec"]["replicas"] == 1);
  CHECK(scale["status"]["selector"] == "a=b");
}

TEST_CASE("broken rule in a definition: refused with the place") {
  Api api;
  Json bad = definition();
  bad["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"][0]
     ["rule"] = "self.size <=";
  const auto answer = api.post(kCrds, bad);
  CHECK(answer.status == 422);
  CHECK_THAT(answer.message(), Catch::Contains("compilation failed"));
}

TEST_CASE("definition deleted: objects and watches end") {
  WithWidgets api;
  api.post(kWidgets, widget({{"size", 3}}));
  auto watch = api.watch(kWidgets + "?watch=true&resourceVersion=" + std::to_string(api.server.version()));
  api.remove(kCrds + "/widgets.example.com");
  api.settle();
  CHECK(frame(*watch)["type"] == "DELETED");
  CHECK(frame(*watch).is_null());
  CHECK(watch->ended());
  CHECK(api.get(kWidgets).status == 404);
}

TEST_CASE("definition deleted while an instance has a finalizer: both stay until it is dropped") {
  WithWidgets api;
  Json held = widget({{"size", 3}});
  held["metadata"]["finalizers"] = {"example.com/hold"};
  api.post(kWidgets, held);
  api.remove(kCrds + "/widgets.example.com");
  api.settle();
  const Json definition = api.get(kCrds + "/widgets.example.com").body;
  CHECK(definition["metadata"]["finalizers"] == Json{"customresourcecleanup.apiextensions.k8s.io"});
  CHECK(api.get(kWidgets + "/w").body["metadata"].contains("deletionTimestamp"));
  Json late = widget({{"size", 3}});
  late["metadata"]["name"] = "late";
  CHECK(api.post(kWidgets, late).status == 403);
  CHECK(api.merge(kWidgets + "/w", {{"metadata", {{"finalizers", nullptr}}}}).status == 200);
  api.settle();
  CHECK(api.get(kWidgets).status == 404);
  CHECK(api.get(kCrds + "/widgets.example.com").status == 404);
}

TEST_CASE("definitions whose schema says what it may not: refused with the place and the reason") {
  struct Case {
    Json schema;
    std::string field, message;
  };
  const auto a = [](const Json& property) {
    return Json({{"type", "object"}, {"properties", {{"a", property}}}});
  };
  const Json items = {{"type", "object"}, {"properties", {{"b", {{"type", "string"}}}}}};
  const auto c = GENERATE_COPY(
      Case{{{"type", "string"}}, "type", "must be object at the root"},
      Case{a(Json::object()), "properties[a].type", "must not be empty for specified object fields"},
      Case{a({{"type", "elephant"}}), "properties[a].type", "Unsupported value: \"elephant\""},
      Case{a({{"type", "array"}}), "properties[a].items", "must be specified"},
      Case{a({{"type", "array"}, {"items", Json::object()}}), "properties[a].items.type", "array items"},
      Case{a({{"$ref", "#/x"}, {"type", "string"}}), "properties[a].$ref", "$ref is not supported"},
      Case{a({{"type", "string"}, {"pattern", "("}}), "properties[a].pattern", "missing closing ): `(`"},
      Case{a({{"type", "integer"}, {"default", "x"}}), "properties[a].default", "must be of type integer"},
      Case{a({{"type", "integer"}, {"minimum", 5}, {"default", 1}}), "properties[a].default", "equal to 5"},
      Case{a({{"type", "array"}, {"items", items}, {"x-kubernetes-list-type", "map"}}),
           "properties[a].x-kubernetes-list-map-keys", "must not be empty"},
      Case{a({{"type", "array"},
              {"items", items},
              {"x-kubernetes-list-type", "map"},
              {"x-kubernetes-list-map-keys", {"c"}}}),
           "properties[a].x-kubernetes-list-map-keys", "names of item properties"},
      Case{{{"type", "object"}, {"additionalProperties", {{"type", "string"}}}},
           "additionalProperties",
           "must not be used at the root"});
  CAPTURE(c.schema.dump());
  Api api;
  Json refused = definition();
  refused["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = c.schema;
  const auto answer = api.post(kCrds, refused);
  REQUIRE(answer.status == 422);
  const Json cause = answer.body["details"]["causes"][0];
  CHECK(cause["field"] == "spec.validation.openAPIV3Schema." + c.field);
  CHECK_THAT(cause["message"].get<std::string>(), Catch::Contains(c.message));
}

TEST_CASE("definitions of groups without a dot, of the community, without a stored version: refused") {
  Api api;
  const auto refused = [&](const std::string& group, bool storage, const std::string& approval) {
    Json crd = definition();
    crd["metadata"]["name"] = "widgets." + group;
    crd["spec"]["group"] = group;
    crd["spec"]["versions"][0]["storage"] = storage;
    if (!approval.empty()) crd["metadata"]["annotations"] = {{"api-approved.kubernetes.io", approval}};
    return api.post(kCrds + "?dryRun=All", crd).message();
  };
  CHECK_THAT(refused("example", true, ""), Catch::Contains("should be a domain with at least one dot"));
  CHECK_THAT(refused("x.k8s.io", true, ""), Catch::Contains("must have approval annotation"));
  CHECK_THAT(refused("x.k8s.io", true, "yes"), Catch::Contains("either a URL or a reason"));
  CHECK(refused("x.k8s.io", true, "unapproved, a test").empty());
  CHECK_THAT(refused("example.com", false, ""), Catch::Contains("must have at least one stored version"));
}

TEST_CASE("OpenAPI names the types that have no shape of their own") {
  Api api;
  const Json spec = api.get("/openapi/v3/apis/policy/v1")
                        .body["components"]["schemas"]["io.k8s.api.policy.v1.PodDisruptionBudgetSpec"];
  CHECK(spec["properties"]["minAvailable"]["allOf"][0]["$ref"] ==
        "#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString");
}
