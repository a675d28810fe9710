#include "gpu-scheduler/feasible/kube_list.h"

#include <catch2/catch.hpp>

#include "gpu-scheduler/feasible/feasible.h"

namespace stowage::feasible {
namespace {

constexpr std::string_view kNode =
    R"({"kind":"Node","metadata":{"name":"a"},"status":{"allocatable":{"cpu":"2","memory":"1Gi","pods":"10"}}})";
constexpr std::string_view kPod = R"({"kind":"Pod","metadata":{"name":"p","namespace":"x"},"spec":{}})";

std::string list_of(std::string_view items) {
  return R"({"kind":"List","items":[)" + std::string(items) + "]}";
}

TEST_CASE("a node with room: the pending pod may use it") {
  const auto list = decode_list(list_of(std::string(kNode) + "," + std::string(kPod)));
  REQUIRE(list.has_value());
  const auto answers = judge(*list);
  REQUIRE(answers.has_value());
  REQUIRE(answers->size() == 1);
  CHECK(to_json("F", answers->front()) == R"({"file":"F","pod":"x/p","feasible":["a"]})");
}

TEST_CASE("a NodeList: items without a kind are nodes") {
  const auto list =
      decode_list(R"({"kind":"NodeList","items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]})");
  REQUIRE(list.has_value());
  CHECK(list->nodes.size() == 2);
}

TEST_CASE("no nodes: nothing is feasible") {
  const auto list = decode_list(list_of(kPod));
  REQUIRE(list.has_value());
  CHECK(judge(*list)->front().nodes.empty());
}

TEST_CASE("items over many lines: each knows where it begins") {
  const auto list =
      decode_list("{\"kind\":\"List\",\n\"items\":[\n" + std::string(kPod) + ",\n\n  " + std::string(kNode) +
                      ",\n{\"kind\":\n\"Secret\"}, " + std::string(kPod) + "]}",
                  10);
  REQUIRE(list.has_value());
  CHECK(list->pods[0].place.line == 12);
  CHECK(list->pods[0].place.item == 0);
  CHECK(list->nodes[0].place.line == 14);
  CHECK(list->pods[1].place.line == 16);
  CHECK(list->pods[1].place.item == 3);
}

}  // namespace
}  // namespace stowage::feasible
