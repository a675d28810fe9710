#include "gpu-scheduler/feasible/json_documents.h"

#include <catch2/catch.hpp>
#include <vector>

namespace stowage::feasible {
namespace {

std::vector<Document> documents_of(std::string_view text) {
  std::vector<Document> out;
  const auto done = each_document(text, [&](const Document& document) -> Result<void> {
    out.push_back(document);
    return {};
  });
  REQUIRE(done.has_value());
  return out;
}

TEST_CASE("documents one a line and over many lines: each is found with its line") {
  const auto two = documents_of("\n{\"a\":1}\n{\n \"b\": [\n {} ]\n}\n\n{}");
  REQUIRE(two.size() == 3);
  CHECK(two[0].text == "{\"a\":1}");
  CHECK(two[0].line == 2);
  CHECK(two[1].line == 3);
  CHECK(two[2].line == 8);
  CHECK(two[2].number == 3);
  CHECK_FALSE(two[0].only);
  CHECK_FALSE(two[2].only);
  CHECK(documents_of("{}\n \n").front().only);
  CHECK(documents_of(" \n").empty());
}

TEST_CASE("braces, brackets and quotes in strings: they do not count") {
  CHECK(documents_of("{\"b\":\"}{\\\"\"}{\"c\":\"]\"}").size() == 2);
}

TEST_CASE("text that is no sequence of objects: the error begins with the line") {
  const auto error = [](std::string_view text) {
    return each_document(text, [](const Document&) -> Result<void> { return {}; }).error().message;
  };
  CHECK(error("{}\n\nx") == "3: want a JSON object, as `kubectl get ... -o json` prints it");
  CHECK(error("[]") == "1: want a JSON object, as `kubectl get ... -o json` prints it");
  CHECK(error("{}\n{\"a\":\n\n") ==
        "2: the JSON object that begins here does not end: is the file complete?");
}

}  // namespace
}  // namespace stowage::feasible
