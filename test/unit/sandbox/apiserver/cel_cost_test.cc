#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/cel/cel.h"
#include "sandbox/apiserver/custom/constraints.h"
#include "sandbox/apiserver/regex.h"

namespace stowage::sandbox {
namespace {

std::string repeated(const std::string& text, const std::string& between, int times) {
  std::string out = text;
  for (int i = 1; i < times; ++i)
    out += between + text;
  return out;
}

/// "true", "false", or why there is no verdict.
std::string verdict(const std::string& rule, const Json& self, cel::Budget& budget) {
  const auto program = cel::Program::compile(rule);
  REQUIRE(program);
  const auto out = program->test({{"self", &self}}, budget);
  return out ? *out ? "true" : "false" : out.error();
}

std::string verdict(const std::string& rule, const Json& self) {
  cel::Budget budget;
  return verdict(rule, self, budget);
}

int64_t cost(const std::string& rule, const Json& self) {
  cel::Budget budget;
  const int64_t before = budget.cost;
  (void)verdict(rule, self, budget);
  return before - budget.cost;
}

/// What is said about an object, all causes.
std::vector<Cause> problems(const Json& schema, const Json& object) {
  SchemaSet set;
  std::vector<Cause> causes;
  const Schema* parsed = parse_structural(schema, set, "schema", causes);
  REQUIRE(causes.empty());
  check_rules(object, nullptr, *parsed, causes);
  return causes;
}

const Json kLong = {{"list", Json::array_t(3000, 1)}, {"s", std::string(200'000, 'a')}};

}  // namespace

TEST_CASE("cost of a rule: cel-go's units") {
  const Json self = {{"a", 1}, {"s", std::string(100, 'x')}, {"list", {1, 2, 3}}};
  CHECK(cost("true", self) == 0);
  CHECK(cost("self.a == 1", self) == 3);                      // a name, a field, a comparison of numbers
  CHECK(cost("self.s == self.s", self) == 14);                // a tenth of the shorter text
  CHECK(cost("self.s.contains('xxxxxxxxxxx')", self) == 22);  // 10 x 2
  CHECK(cost("self.list.all(x, x > 0)", self) == 2 + 3 * (3 + 2));
  CHECK(cost("self.list.map(x, x).size() == 3", self) == 2 + 3 * (12 + 1) + 2);
}

TEST_CASE("rule that grows with the square of a list: stopped with kube-apiserver's words") {
  const auto* rule = GENERATE("self.list.all(x, self.list.all(y, x == y))",
                              "self.list.exists(x, self.list.exists(y, x != y)) || true",
                              "self.list.map(x, self.list).size() == 0 || true",
                              "self.list.all(x, [self.list, self.list] == [self.list, self.list])",
                              "self.list.map(x, self.list + [x]).size() == 0",
                              "self.list.all(x, self.s.contains(self.s))", "self.list.all(x, self.s != 'b')",
                              "self.s.matches('"
                              "(a|b|c|d|e|f|g|h)*(a|b|c|d|e|f|g|h)*z')",
                              "self.list.all(x, self.s.replace('a', self.s) != '')");
  CAPTURE(rule);
  const std::string said = verdict(rule, kLong);
  // Two of them are dear in work that cel-go's model counts as little: any end will do, as long as there is
  // one.
  CHECK((said == cel::kCostExceeded || said == "true" || said == "false"));
}

TEST_CASE("budget that is gone: no operator makes good for it") {
  const Json self = {{"list", Json::array_t(3000, 1)}};
  CHECK(verdict("self.list.all(x, self.list.all(y, true)) || true", self) == cel::kCostExceeded);
  CHECK(verdict("self.list.exists(z, self.list.all(x, self.list.all(y, true)))", self) == cel::kCostExceeded);
  CHECK(verdict("[1][?self.list.all(x, self.list.all(y, true)) ? 0 : 1].hasValue()", self) ==
        cel::kCostExceeded);
}

TEST_CASE("rules that are dear together: the object's budget ends") {
  Json items = Json::array();
  for (int i = 0; i < 190; ++i)
    items.push_back(Json::array_t(100, 1));
  const Json rules =
      Json::array({{{"rule", "self.all(x, self.all(y, x == y))"}, {"message", "must be equal"}}});
  const Json schema = {{"type", "object"},
                       {"properties",
                        {{"rows",
                          {{"type", "array"},
                           {"maxItems", 190},
                           {"items",
                            {{"type", "array"},
                             {"maxItems", 100},
                             {"items", {{"type", "integer"}}},
                             {"x-kubernetes-validations", rules}}}}}}}};
  const auto causes = problems(schema, {{"rows", items}});
  REQUIRE(causes.size() == 1);
  CHECK(
      causes[0].message ==
      "Invalid value: \"array\": validation failed due to running out of cost budget, no further validation "
      "rules will be run");
}

TEST_CASE("one rule that is too dear, or cannot be evaluated: told with the rule") {
  const auto said = [](const char* rule, const Json& object) {
    Json schema = {{"type", "object"},
                   {"properties",
                    {{"list", {{"type", "array"}, {"maxItems", 1000}, {"items", {{"type", "integer"}}}}},
                     {"map", {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}}}}}};
    schema["x-kubernetes-validations"] = Json::array({{{"rule", rule}}, {{"rule", "false"}}});
    return problems(schema, object);
  };
  const auto dear = said("self.list.all(x, self.list.all(y, x == y))", {{"list", Json::array_t(1000, 1)}});
  REQUIRE(dear.size() == 1);
  CHECK(dear[0].message ==
        "Invalid value: \"object\": 'operation cancelled: actual cost limit exceeded': no further validation "
        "rules will be run due to call cost exceeds limit for rule: self.list.all(x, self.list.all(y, x == "
        "y))");
  const auto wrong = said("self.map['x'] == 'y'", {{"map", {{"a", "b"}}}});
  REQUIRE(wrong.size() == 2);
  CHECK(wrong[0].message ==
        "Invalid value: \"object\": no such key: x evaluating rule: self.map['x'] == 'y'");
}

TEST_CASE("pattern that explodes in a backtracking engine: answered at once") {
  const auto regex = compile_regex("^(a+)+$");
  REQUIRE(regex != nullptr);
  CHECK_FALSE(search(*regex, std::string(100'000, 'a') + "!"));
  CHECK(search(*regex, std::string(100'000, 'a')));
}

TEST_CASE("long chains: && as long as one likes, others as deep as can be walked") {
  CHECK(verdict(repeated("self.a == 1", " && ", 600), {{"a", 1}}) == "true");
  CHECK(verdict(repeated("self.a == 1", " || ", 600), {{"a", 2}}) == "false");
  CHECK(verdict(repeated("1", " + ", 200) + " == 200", {}) == "true");
  const auto refused = cel::Program::compile(repeated("1", "+", 1000) + " == 1000");
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error(), Catch::Contains("nested too deeply"));
  CHECK_FALSE(cel::Program::compile("self" + repeated(".a", "", 1000)));
}

}  // namespace stowage::sandbox
