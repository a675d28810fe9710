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
  CHECK(read("").empty());
  CHECK(read("\n# only a comment\n").empty());
}

TEST_CASE("manifest that cannot be read: the line of its document is named") {
  CHECK_THAT(mistake("kind: A\n---\nkind: [\n"), Catch::Contains("line 3"));
  CHECK_THAT(mistake("kind: A\n---\n- a\n- b\n"), Catch::Contains("line 3 is no Kubernetes object"));
  CHECK_THAT(mistake("just text"), Catch::Contains("line 1"));
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
  CHECK(report.unknown == std::map<std::string, size_t>{{"Thing (example.com/v1)", 1}});
  REQUIRE(report.refused.size() == 1);
  CHECK_THAT(report.refused[0], Catch::Contains("ConfigMap default/Bad_Name"));
  CHECK(
      api.get("/api/v1/namespaces/default/configmaps/owned").body["metadata"]["ownerReferences"][0]["uid"] ==
      api.get("/api/v1/namespaces/default").body["metadata"]["uid"]);
}

}  // namespace stowage::sandbox
