#include "sandbox/world/snapshot.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "../apiserver/api.h"
#include "sandbox/world/manifests.h"

namespace stowage::sandbox {
namespace {

using nlohmann::json;

std::vector<json> read(const std::string& text) {
  auto objects = read_manifests(text);
  REQUIRE(objects);
  return *std::move(objects);
}

std::string mistake(const std::string& text) {
  const auto objects = read_manifests(text);
  return objects ? std::string() : objects.error().message;
}

}  // namespace

TEST_CASE("manifest of several documents: every object, empty documents are skipped") {
  const auto objects =
      read("---\nkind: A\n---\n\n---\n# nothing\n---\nkind: B\ntext: |\n  a\n  ---\n  b\n--- \nkind: C\n");
  REQUIRE(objects.size() == 3);
  CHECK(objects[1]["text"] == "a\n---\nb\n");
  CHECK(objects[2]["kind"] == "C");
}

TEST_CASE("List in YAML or JSON: stands for its items") {
  CHECK(read("kind: List\nitems:\n- kind: A\n- kind: B\n").size() == 2);
  CHECK(read(R"({"kind":"PodList","apiVersion":"v1","items":[{"kind":"Pod"}]})").size() == 1);
  CHECK(read("kind: List\nitems:\n- kind: List\n  items:\n  - kind: A\n- kind: PodList\n  items: []\n")
            .size() == 1);
  CHECK(read("").empty());
  CHECK(read("\n# only a comment\n").empty());
}

TEST_CASE("typed list as the API serves it: its items are of its kind") {
  const auto objects =
      read(R"({"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"a"}},{"kind":"Node"}]})");
  REQUIRE(objects.size() == 2);
  CHECK(objects[0]["kind"] == "Node");
  CHECK(objects[0]["apiVersion"] == "v1");
  CHECK_FALSE(objects[1].contains("apiVersion"));
}

TEST_CASE("manifest that cannot be read: the line is named") {
  CHECK_THAT(mistake("kind: A\n---\nkind: B\nb:\n- {c: ]\n"), Catch::StartsWith("5: "));
  CHECK_THAT(mistake("kind: A\n---\n{\"kind\":\n  \"B\",\n  ]}\n"), Catch::StartsWith("5: "));
  CHECK_THAT(mistake("kind: A\n---\n- a\n- b\n"),
             Catch::StartsWith("3: the document that begins here is no"));
  CHECK_THAT(mistake("just text"), Catch::StartsWith("1: "));
}

TEST_CASE("snapshot with bytes that are no UTF-8: loaded, with a mark in their place") {
  Api api;
  auto objects = read("kind: ConfigMap\napiVersion: v1\nmetadata: {name: c}\ndata: {k: \"a\xbd\"}\n");
  const auto report = load_snapshot(api.server, std::move(objects), api.now);
  CHECK(report.loaded.at("ConfigMap") == 1);
  CHECK(api.get("/api/v1/namespaces/default/configmaps/c").body["data"]["k"] == "a\xef\xbf\xbd");
}

TEST_CASE("snapshot: owners before what they own, new UIDs, status kept, server's fields left off") {
  Api api;
  const json node = {{"apiVersion", "v1"},
                     {"kind", "Node"},
                     {"metadata", {{"name", "n"}, {"uid", "old-node"}, {"resourceVersion", "9"}}},
                     {"status", {{"capacity", {{"cpu", "8"}}}}}};
  json child = pod("child");
  child["metadata"]["namespace"] = "team";
  child["metadata"]["uid"] = "old-child";
  child["metadata"]["ownerReferences"] = {
      {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"name", "owner"}, {"uid", "old-owner"}},
      {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"name", "lost"}, {"uid", "not-here"}}};
  child["spec"]["nodeName"] = "n";
  child["status"] = {{"phase", "Running"}};
  json owner = config_map("owner");
  owner["metadata"]["namespace"] = "team";
  owner["metadata"]["uid"] = "old-owner";
  const auto report = load_snapshot(api.server, {child, owner, node}, api.now);
  CHECK(report.loaded == std::map<std::string, size_t>{{"ConfigMap", 1}, {"Node", 1}, {"Pod", 1}});
  CHECK(report.refused.empty());
  CHECK(report.owners_dropped == 1);
  const json loaded = api.get("/api/v1/namespaces/team/pods/child").body;
  CHECK(loaded["status"]["phase"] == "Running");
  REQUIRE(loaded["metadata"]["ownerReferences"].size() == 1);
  CHECK(loaded["metadata"]["ownerReferences"][0]["uid"] ==
        api.get("/api/v1/namespaces/team/configmaps/owner").body["metadata"]["uid"]);
  CHECK(api.get("/api/v1/nodes/n").body["status"]["allocatable"]["cpu"] == "8");
}

TEST_CASE("snapshot with what the server has, does not know or refuses: told in the report") {
  Api api;
  const json space = {{"apiVersion", "v1"},
                      {"kind", "Namespace"},
                      {"metadata", {{"name", "default"}, {"uid", "old-default"}}}};
  json owned = config_map("owned");
  owned["metadata"]["ownerReferences"] = {
      {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"name", "default"}, {"uid", "old-default"}}};
  const json thing = {{"apiVersion", "example.com/v1"}, {"kind", "Thing"}, {"metadata", {{"name", "t"}}}};
  const auto report = load_snapshot(api.server, {space, owned, thing, config_map("Bad_Name")}, api.now);
  CHECK(report.unknown == std::map<std::string, std::vector<std::string>>{{"Thing (example.com/v1)", {"t"}}});
  REQUIRE(report.refused.size() == 1);
  CHECK_THAT(report.refused[0], Catch::Contains("ConfigMap default/Bad_Name"));
  CHECK(
      api.get("/api/v1/namespaces/default/configmaps/owned").body["metadata"]["ownerReferences"][0]["uid"] ==
      api.get("/api/v1/namespaces/default").body["metadata"]["uid"]);
}

TEST_CASE("snapshot in any order: owners first, definitions before their objects") {
  Api api;
  const auto owned = [](const std::string& name, const std::string& owner) {
    json out = config_map(name);
    out["metadata"]["uid"] = "old-" + name;
    if (!owner.empty())
      out["metadata"]["ownerReferences"] = {
          {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"name", owner}, {"uid", "old-" + owner}}};
    return out;
  };
  const json schema = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  const json version = {
      {"name", "v1"}, {"served", true}, {"storage", true}, {"schema", {{"openAPIV3Schema", schema}}}};
  const json definition = {{"apiVersion", "apiextensions.k8s.io/v1"},
                           {"kind", "CustomResourceDefinition"},
                           {"metadata", {{"name", "things.example.com"}}},
                           {"spec",
                            {{"group", "example.com"},
                             {"names", {{"plural", "things"}, {"kind", "Thing"}}},
                             {"scope", "Namespaced"},
                             {"versions", json::array({version})}}}};
  const json thing = {{"apiVersion", "example.com/v1"}, {"kind", "Thing"}, {"metadata", {{"name", "t"}}}};
  const auto report = load_snapshot(
      api.server,
      {thing, owned("c", "b"), owned("b", "a"), owned("x", "y"), owned("y", "x"), owned("a", ""), definition},
      api.now);
  CHECK(report.loaded ==
        std::map<std::string, size_t>{{"ConfigMap", 5}, {"CustomResourceDefinition", 1}, {"Thing", 1}});
  CHECK(report.owners_dropped == 1);  // of the two that own each other, one has to be first
  CHECK(api.get("/api/v1/namespaces/default/configmaps/c").body["metadata"].contains("ownerReferences"));
}

TEST_CASE("snapshot with odd items: named, and nothing else is lost") {
  Api api;
  json crooked = pod("crooked");
  crooked["metadata"]["ownerReferences"] = "none";
  crooked["status"] = {{"conditions", "none"}};
  json nameless = pod("x");
  nameless["metadata"].erase("name");
  json phase = pod("phase");
  phase["status"] = {{"phase", 7}};
  auto report = load_snapshot(
      api.server, {json(7), json::array(), {{"kind", 1}}, nameless, crooked, phase, config_map("fine")},
      api.now);
  CHECK(report.loaded["ConfigMap"] == 1);
  CHECK(report.refused.size() == 6);
  const auto told = [&](const char* what) {
    return std::any_of(report.refused.begin(), report.refused.end(),
                       [&](const std::string& line) { return line.find(what) != std::string::npos; });
  };
  CHECK(told("an item: it has no kind"));
  CHECK(told("Pod: it has no name"));
  CHECK(told("Pod default/crooked: "));
  CHECK(told("Pod default/phase: "));
}

}  // namespace stowage::sandbox
