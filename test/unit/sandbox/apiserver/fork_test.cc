#include <catch2/catch.hpp>

#include "api.h"

using namespace stowage::sandbox;

namespace {

const std::string kMaps = "/api/v1/namespaces/default/configmaps";
const std::string kCrds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const std::string kGadgets = "/apis/fork.example.com/v1/namespaces/default/gadgets";

Json gadgets() {
  const Json schema = {
      {"type", "object"},
      {"properties",
       {{"spec", {{"type", "object"}, {"properties", {{"size", {{"type", "integer"}, {"minimum", 1}}}}}}}}}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", "gadgets.fork.example.com"}}},
          {"spec",
           {{"group", "fork.example.com"},
            {"scope", "Namespaced"},
            {"names", {{"plural", "gadgets"}, {"kind", "Gadget"}}},
            {"versions",
             {{{"name", "v1"},
               {"served", true},
               {"storage", true},
               {"schema", {{"openAPIV3Schema", schema}}}}}}}}};
}

Json gadget(int size) {
  return {{"apiVersion", "fork.example.com/v1"},
          {"kind", "Gadget"},
          {"metadata", {{"name", "g"}}},
          {"spec", {{"size", size}}}};
}

std::string uid_of_new_map(Api& api) {
  return api.post(kMaps, config_map("u")).body["metadata"]["uid"];
}

}  // namespace

TEST_CASE("fork: has what was there, and writes on either side stay there") {
  Api original;
  original.post(kMaps, config_map("a"));
  Api copy;
  copy.server = original.server.fork(7);
  CHECK(copy.get(kMaps + "/a").status == 200);
  CHECK(copy.server.version() == original.server.version());
  copy.post(kMaps, config_map("b"));
  original.remove(kMaps + "/a");
  CHECK(original.get(kMaps + "/b").status == 404);
  CHECK(copy.get(kMaps + "/a").status == 200);
}

TEST_CASE("fork: definitions come with it and validate; removing one leaves the original's") {
  Api original;
  REQUIRE(original.post(kCrds, gadgets()).status == 201);
  Api copy;
  copy.server = original.server.fork(7);
  CHECK(copy.post(kGadgets, gadget(0)).status == 422);
  CHECK(copy.post(kGadgets, gadget(1)).status == 201);
  CHECK(original.get(kGadgets + "/g").status == 404);
  copy.remove(kCrds + "/gadgets.fork.example.com");
  copy.settle();
  CHECK(copy.get(kGadgets).status == 404);
  CHECK(original.post(kGadgets, gadget(2)).status == 201);
}

TEST_CASE("fork: a watch of the original does not see the copy, and history comes along") {
  Api original;
  const std::string from = std::to_string(original.server.version());
  original.post(kMaps, config_map("a"));
  auto watch = original.watch(kMaps + "?watch=true&resourceVersion=" + from);
  Api copy;
  copy.server = original.server.fork(7);
  copy.post(kMaps, config_map("b"));
  CHECK(frame(*watch)["object"]["metadata"]["name"] == "a");
  CHECK(frame(*watch).is_null());
  auto resumed = copy.watch(kMaps + "?watch=true&resourceVersion=" + from);
  CHECK(frame(*resumed)["object"]["metadata"]["name"] == "a");
  CHECK(frame(*resumed)["object"]["metadata"]["name"] == "b");
}

TEST_CASE("fork: the seed alone decides the new UIDs") {
  Api original;
  Api first, again, other;
  first.server = original.server.fork(7);
  again.server = original.server.fork(7);
  other.server = original.server.fork(8);
  const std::string uid = uid_of_new_map(first);
  CHECK(uid_of_new_map(again) == uid);
  CHECK(uid_of_new_map(other) != uid);
}

TEST_CASE("fork: both views of an event stay one store") {
  Api original;
  Api copy;
  copy.server = original.server.fork(7);
  const Json event = {{"metadata", {{"name", "e"}}},
                      {"involvedObject", {{"kind", "Pod"}, {"namespace", "default"}, {"name", "p"}}},
                      {"reason", "R"},
                      {"type", "Normal"}};
  REQUIRE(copy.post("/api/v1/namespaces/default/events", event).status == 201);
  CHECK(copy.get("/apis/events.k8s.io/v1/namespaces/default/events/e").status == 200);
  CHECK(original.get("/apis/events.k8s.io/v1/namespaces/default/events/e").status == 404);
}
