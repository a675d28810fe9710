#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "sandbox/apiserver/cel/estimate.h"
#include "sandbox/apiserver/cel/sizes.h"
#include "sandbox/apiserver/custom/constraints.h"

namespace stowage::sandbox {
namespace {

// The figures of this file were given by kube-apiserver 1.37, as far as it shows them:
// test/contract/cost_steps.py compares more of them on every run.

const char* const kFields = R"({"type":"object","properties":{
  "i":{"type":"integer"},"s":{"type":"string"},"t":{"type":"string","maxLength":100},
  "e":{"type":"string","enum":["red","ultramarine"]},"share":{"x-kubernetes-int-or-string":true,"maxLength":10},
  "few":{"type":"array","maxItems":10,"items":{"type":"integer"}},"list":{"type":"array","items":{"type":"integer"}},
  "words":{"type":"array","maxItems":5,"items":{"type":"string","maxLength":20}},
  "tags":{"type":"object","maxProperties":7,"additionalProperties":{"type":"string","maxLength":30}}}})";

std::optional<uint64_t> estimate(const std::string& rule, const Json& schema) {
  SchemaSet set;
  std::vector<Cause> causes;
  const Schema& self = *parse_structural(schema, set, "schema", causes);
  REQUIRE(causes.empty());
  const auto program = cel::Program::compile(rule);
  REQUIRE(program);
  cel::Types types;
  REQUIRE(cel::check(*program, rule, self, true, cel::Wanted::kBool, &types).empty());
  return cel::estimate_cost(*program, types, self, true);
}

std::optional<uint64_t> estimate(const std::string& rule) {
  return estimate(rule, Json::parse(kFields));
}

/// What is said about a definition, one "path: message" each.
std::vector<std::string> said(const Json& schema) {
  SchemaSet set;
  std::vector<Cause> causes;
  parse_structural(schema, set, "schema", causes);
  std::vector<std::string> out;
  out.reserve(causes.size());
  for (const Cause& cause : causes)
    out.push_back(cause.field + ": " + cause.message.substr(0, cause.message.find(" (try")));
  return out;
}

Json ruled(Json schema, const std::string& rule, const char* key = "rule") {
  Json validation = {{"rule", "true"}};
  validation[key] = rule;
  schema["x-kubernetes-validations"].push_back(validation);
  return schema;
}

Json list_of(const Json& items, std::optional<int> most) {
  Json list = {{"type", "array"}, {"items", items}};
  if (most) list["maxItems"] = *most;
  return {{"type", "object"}, {"properties", {{"list", list}}}};
}

const Json kText = {{"type", "string"}, {"maxLength", 100}};

}  // namespace

TEST_CASE("estimate: names, fields and the texts that their schema bounds") {
  CHECK(estimate("true") == 0);
  CHECK(estimate("self.i == 1") == 2);        // numbers of the object count as empty
  CHECK(estimate("self.t == self.t") == 44);  // a character may have four bytes, ten are a unit
  CHECK(estimate("self.e == self.e") == 6);   // the longest of the choices
  CHECK(estimate("self.t == 'abc'") == 3);    // the shorter one is read
  CHECK(estimate("self.share == self.share") == 8);
  CHECK(estimate("self.t.matches('^(a|b)+$')") == 2 + 41 * 2);
  CHECK(estimate("self.metadata.name == self.kind") == 5 + 102);
}

TEST_CASE("estimate: loops by the most that their list holds, once more inside each other") {
  CHECK(estimate("self.few.all(x, x > 0)") == 3 + 10 * (3 + 2));
  CHECK(estimate("self.few.exists(x, x > 0)") == 3 + 10 * (4 + 2));
  CHECK(estimate("self.few.all(x, self.few.all(y, x == y))") == 3 + 10 * (3 + 3 + 10 * (3 + 2)));
  CHECK(estimate("self.words.map(w, w + 'a').size() > 1") == 2 + 2 + 11 + 5 * (12 + 1 + 9));
  CHECK(estimate("self.tags.all(k, self.tags[k] == 'x')") == 3 + 7 * (3 + 4 + 1));
}

TEST_CASE("estimate: what nothing bounds has none") {
  CHECK(estimate("self.s == self.s") == 4 + 314'573);  // but a request ends somewhere
  CHECK(estimate("self.list.all(x, self.list.all(y, x == y))") > uint64_t{1} << 40);
  CHECK(estimate("'n' + string(self.i) == self.t") > uint64_t{1} << 60);
}

TEST_CASE("estimate: nothing is guessed about a function that is not known") {
  CHECK(estimate("self.few.distinct() == self.few") == std::nullopt);
  CHECK(estimate("math.greatest(self.few) > 1") == std::nullopt);
  CHECK(said(ruled(Json::parse(kFields), "self.list.distinct() == self.list")).empty());
}

TEST_CASE("rule beyond the limit of one: refused with kube-apiserver's words") {
  CHECK(said(list_of(ruled(kText, "self == self"), 200'000)).empty());
  CHECK(said(list_of(ruled(kText, "self == self"), 250'000)) ==
        std::vector<std::string>{"schema.properties[list].items.x-kubernetes-validations[0].rule: Forbidden: "
                                 "estimated rule cost exceeds budget by factor of 1.050000x"});
  const auto many = said(list_of(ruled(kText, "self == self"), std::nullopt));
  REQUIRE(many.size() == 1);
  CHECK(many[0].ends_with("estimated rule cost exceeds budget by factor of 4.4x"));
}

TEST_CASE("message beyond the limit: refused, however many values there are") {
  Json bounded = ruled(Json::parse(kFields), "'not ' + self.t", "messageExpression");
  CHECK(said(list_of(bounded, std::nullopt)).empty());
  const auto dear = said(ruled(Json::parse(kFields), "'i is ' + string(self.i)", "messageExpression"));
  REQUIRE_FALSE(dear.empty());
  CHECK(dear[0] ==
        "schema.x-kubernetes-validations[0].messageExpression: Forbidden: estimated messageExpression cost "
        "exceeds budget by factor of more than 100x");
}

TEST_CASE("rules beyond the limit of all: the dearest four are named") {
  Json schema = {{"type", "object"}};
  for (int i = 0; i < 14; ++i)
    schema["properties"][std::string(1, static_cast<char>('a' + i))] =
        list_of(ruled(kText, "self == self"), 200'000 - 1'000 * i);
  const auto out = said(schema);
  REQUIRE(out.size() == 5);
  CHECK(
      out[0] ==
      "schema.properties[a].properties[list].items.x-kubernetes-validations[0].rule: Forbidden: contributed "
      "to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema");
  CHECK(out[3].starts_with("schema.properties[d]."));
  CHECK(out[4] ==
        "schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema "
        "exceeds budget by factor of 1.137780x");
}

}  // namespace stowage::sandbox
