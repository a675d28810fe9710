#include <catch2/catch.hpp>

#include "api.h"

using namespace stowage::sandbox;

TEST_CASE("OpenAPI of built-in kinds: descriptions and possible values, as kubectl explain shows them") {
  Api api;
  const Json schemas = api.get("/openapi/v3/api/v1").body["components"]["schemas"];
  const Json& pod = schemas["io.k8s.api.core.v1.Pod"];
  CHECK(pod["description"].get<std::string>().starts_with("Pod is a collection of containers"));
  CHECK(pod["properties"]["spec"]["description"].get<std::string>().starts_with(
      "Specification of the desired behavior"));
  const Json& container = schemas["io.k8s.api.core.v1.Container"]["properties"];
  CHECK(container["imagePullPolicy"]["enum"] == Json({"Always", "IfNotPresent", "Never"}));
  CHECK(container["imagePullPolicy"]["description"].get<std::string>().find("\n\nPossible enum values:\n") !=
        std::string::npos);
  CHECK(schemas["io.k8s.api.core.v1.HostPathVolumeSource"]["properties"]["type"]["enum"][0] == "");
  CHECK(schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"].contains("description"));
  const Json apps = api.get("/openapi/v3/apis/apps/v1").body["components"]["schemas"];
  CHECK(apps["io.k8s.api.apps.v1.ControllerRevision"]["properties"]["data"]["allOf"][0]["$ref"] ==
        "#/components/schemas/io.k8s.apimachinery.pkg.runtime.RawExtension");
}
