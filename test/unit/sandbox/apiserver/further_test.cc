#include <catch2/catch.hpp>

#include "api.h"

using namespace stowage::sandbox;

namespace {

/// The cells of `kubectl get -o wide` without the name.
std::string row(Api& api, const std::string& path) {
  const Json table =
      Json::parse(api.raw("GET", path, "", "", "application/json;as=Table;v=v1;g=meta.k8s.io").body);
  std::string out;
  const Json& cells = table["rows"][0]["cells"];
  REQUIRE(cells.size() == table["columnDefinitions"].size());
  for (size_t i = 1; i < cells.size(); ++i)
    out += (out.empty() ? "" : " ") + (cells[i].is_string() ? cells[i].get<std::string>() : cells[i].dump());
  return out;
}

Json parse(const char* text) {
  return Json::parse(text);
}

}  // namespace

// Rows, and what is filled in, as kube-apiserver 1.37.2 has them.

TEST_CASE("kinds that nobody works on: listed with kube-apiserver's columns") {
  struct Case {
    const char *path, *object, *row;
  };
  const auto c = GENERATE(
      Case{
          "/apis/batch/v1/namespaces/default/cronjobs",
          R"({"metadata":{"name":"x"},"spec":{"schedule":"0 3 * * *","jobTemplate":{"spec":{"template":{"spec":
           {"restartPolicy":"Never","containers":[{"name":"m","image":"i:1"}]}}}}}})",
          "0 3 * * * <none> False 0 <none> 0s m i:1 <none>"},
      Case{
          "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
          R"({"metadata":{"name":"x"},"spec":{"tls":[{}],"rules":[{"host":"a"},{"host":"b"},{"host":"c"},{"host":"d"}]}})",
          "<none> a,b,c + 1 more...  80, 443 0s"},
      Case{"/apis/storage.k8s.io/v1/storageclasses", R"({"metadata":{"name":"x"},"provisioner":"p"})",
           "p Delete Immediate false 0s"},
      Case{
          "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
          R"({"metadata":{"name":"x"},"addressType":"IPv4","ports":[{"port":80}],"endpoints":[{"addresses":["10.1.1.1"]}]})",
          "IPv4 80 10.1.1.1 0s"},
      Case{
          "/api/v1/namespaces/default/endpoints",
          R"({"metadata":{"name":"x"},"subsets":[{"addresses":[{"ip":"10.1.1.1"}],"ports":[{"port":80},{"port":81}]}]})",
          "10.1.1.1:80,10.1.1.1:81 0s"},
      Case{
          "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
          R"({"metadata":{"name":"x"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"d"},"maxReplicas":5}})",
          "Deployment/d cpu: <unknown>/80% 1 5 0 0s"},
      Case{
          "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
          R"({"metadata":{"name":"x"},"roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"User","name":"u"},
           {"kind":"User","name":"v"},{"kind":"ServiceAccount","name":"s","namespace":"n"}]})",
          "Role/r 0s u, v  n/s"});
  Api api;
  CAPTURE(c.path);
  const auto made = api.post(c.path, parse(c.object));
  CAPTURE(made.body.dump());
  REQUIRE(made.status == 201);
  CHECK(row(api, c.path + std::string("/x")) == c.row);
}

TEST_CASE("job: completions, the selector of its pods and their labels are the server's") {
  Api api;
  const auto made =
      api.post("/apis/batch/v1/namespaces/default/jobs", parse(R"({"metadata":{"name":"x"},"spec":{
      "template":{"spec":{"restartPolicy":"Never","containers":[{"name":"m","image":"i:1"}]}}}})"));
  REQUIRE(made.status == 201);
  const std::string uid = made.body["metadata"]["uid"];
  const Json& spec = made.body["spec"];
  CHECK(spec["completions"] == 1);
  CHECK(spec["selector"]["matchLabels"] == Json({{"batch.kubernetes.io/controller-uid", uid}}));
  CHECK(spec["template"]["metadata"]["labels"]["job-name"] == "x");
  CHECK(row(api, "/apis/batch/v1/namespaces/default/jobs/x") ==
        "Running 0/1  0s m i:1 batch.kubernetes.io/controller-uid=" + uid);
}

TEST_CASE("ports of endpoints: TCP unless they say otherwise (kubectl describe relies on it)") {
  Api api;
  const auto slice = api.post(
      "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
      parse(R"({"metadata":{"name":"x"},"addressType":"IPv4","endpoints":[],"ports":[{"port":80}]})"));
  CHECK(slice.body["ports"][0] == parse(R"({"name":"","port":80,"protocol":"TCP"})"));
}

TEST_CASE("health: ok, and with verbose what was looked at") {
  Api api;
  CHECK(api.raw("GET", "/readyz").body == "ok");
  CHECK(api.raw("GET", "/readyz?verbose").body == "[+]ping ok\n[+]store ok\nreadyz check passed\n");
  CHECK(api.raw("GET", "/livez?verbose").body.ends_with("livez check passed\n"));
}

TEST_CASE("core Endpoints: every answer carries the warning that they are deprecated") {
  Api api;
  const auto answer = api.get("/api/v1/endpoints");
  REQUIRE(answer.headers.size() == 1);
  CHECK(answer.headers[0].second ==
        "299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\"");
}
