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

std::vector<std::string> documents_of(std::string_view text) {
  std::vector<std::string> out;
  const auto done = each_document(text, [&](std::string_view document, bool) -> Result<void> {
    out.emplace_back(document);
    return {};
  });
  REQUIRE(done.has_value());
  return out;
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

TEST_CASE("an item with a broken quantity: the error names the item and the path") {
  const auto list = decode_list(
      list_of(std::string(kPod) +
              R"(,{"kind":"Node","metadata":{"name":"a"},"status":{"allocatable":{"cpu":"lots"}}})"));
  REQUIRE_FALSE(list.has_value());
  CHECK(list.error().message.find("items[1]") != std::string::npos);
  CHECK(list.error().message.find("cpu") != std::string::npos);
}

TEST_CASE("not a list: the error says what is wanted") {
  const auto list = decode_list(R"({"kind":"Pod"})");
  REQUIRE_FALSE(list.has_value());
  CHECK(list.error().message.find("want a v1 List") != std::string::npos);
}

TEST_CASE("documents one a line and over many lines: each is found, braces in strings do not count") {
  CHECK(documents_of("{\"a\":1}\n{\"b\":\"}{\\\"\"}\n\n").size() == 2);
  CHECK(documents_of("{\n \"a\": [\n {} ]\n}\n").size() == 1);
  CHECK(documents_of("").empty());
}

TEST_CASE("text after a document that is no object: the error names the line") {
  const auto ignore = [](std::string_view, bool) -> Result<void> { return {}; };
  CHECK(each_document("{}\nx", ignore).error().message == "line 2: want a JSON object");
  CHECK(each_document("{}\n{\"a\":", ignore).error().message ==
        "the JSON object that begins in line 2 does not end");
}

TEST_CASE("a file that is not there: the error names it") {
  const auto done = run({"/nowhere/F.json"}, [](const std::string&) {});
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().message.find("/nowhere/F.json") != std::string::npos);
}

}  // namespace
}  // namespace stowage::feasible
