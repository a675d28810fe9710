#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "sandbox/apiserver/custom/constraints.h"

namespace stowage::sandbox {
namespace {

const char* const kSchema = R"({"type":"object","properties":{
  "n":{"type":"integer"},"big":{"type":"integer","format":"int64"},"f":{"type":"number"},"s":{"type":"string"},
  "t":{"type":"string","format":"date-time"},"d":{"type":"string","format":"duration"},
  "on":{"type":"boolean"},"either":{"x-kubernetes-int-or-string":true},
  "raw":{"x-kubernetes-preserve-unknown-fields":true},
  "names":{"type":"array","items":{"type":"string"}},"counts":{"type":"array","items":{"type":"integer"}},
  "labels":{"type":"object","additionalProperties":{"type":"string"}},
  "part":{"type":"object","properties":{"id":{"type":"string"},"a-b":{"type":"integer"},
          "namespace":{"type":"string"}}},
  "parts":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"}}}}}})";

/// What is said about a definition whose root has this rule, but for what it would cost; empty when it is
/// taken.
std::string verdict(const std::string& rule, const char* key = "rule") {
  Json schema = Json::parse(kSchema);
  Json validation = {{"rule", "true"}, {"message", "no"}};
  validation[key] = rule;
  schema["x-kubernetes-validations"] = Json::array({validation});
  SchemaSet set;
  std::vector<Cause> causes;
  parse_structural(schema, set, "schema", causes);
  std::erase_if(causes, [](const Cause& cause) { return cause.reason == "FieldValueForbidden"; });
  return causes.empty() ? std::string() : causes[0].message;
}

}  // namespace

TEST_CASE("rule that the types allow: taken") {
  const auto* rule = GENERATE(
      "self.n > 0 && self.s != ''", "self.n < self.f", "self.n + self.big == 3", "self.s + 'x' == 'yx'",
      "has(self.part) && self.part.id.startsWith('a')", "self.part.a__dash__b == 1",
      "self.part.__namespace__ == 'x'", "self.part.namespace == 'x'", "self.metadata.name.size() <= 63",
      "self.kind == 'X' && self.apiVersion != ''", "self.metadata.generateName == ''",
      "type(self.either) == int ? self.either > 0 : self.either == '1%'",
      "quantity(self.s).isGreaterThan(quantity('0'))", "self.names.all(n, n.size() < 3)",
      "self.names.exists(n, n in ['a', 'b'])", "self.labels.all(k, self.labels[k] != '')",
      "'a' in self.labels", "self.parts.exists_one(p, p.id == 'x')",
      "self.parts.map(p, p.id).join(',') == 'a'", "self.parts.filter(p, p.id != '').size() == 1",
      "self.counts.sum() < 3 && self.counts.isSorted()", "self.counts == [] || self.counts == [1, 2]",
      "self.t < timestamp('2020-01-01T00:00:00Z')", "self.d > duration('1s') && self.d.getSeconds() < 10",
      "self.part == null || oldSelf.part == self.part", "self.?s.orValue('x') == 'x'",
      "optional.of(self.s).hasValue()", "self.labels['a'].contains('b')", "self.n in [1, 2]",
      "int(self.s) == 1 && string(self.n) == '1'", "dyn(self.n) == 'x'", "!self.on || self.on",
      "isURL(self.s) && url(self.s).getHost() == 'x'", "self.names.all(i, n, i < 3 && n != '')",
      "-self.n < 0");
  CAPTURE(rule);
  CHECK(verdict(rule) == "");
}

TEST_CASE("rule that the types forbid: refused with the mistake") {
  struct Case {
    const char* rule;
    const char* why;
  };
  const auto c = GENERATE(
      Case{"self.x == 1", "undefined field 'x'"}, Case{"self.raw == 1", "undefined field 'raw'"},
      Case{"self.metadata.labels == {}", "undefined field 'labels'"},
      Case{"self.n == 'a'", "found no matching overload for '_==_' applied to '(int, string)'"},
      Case{"self.n < self.s", "found no matching overload for '_<_' applied to '(int, string)'"},
      Case{"self.n + self.s == 'a'", "found no matching overload for '_+_' applied to '(int, string)'"},
      Case{"self.s && self.on", "expected type 'bool' but found 'string'"},
      Case{"!self.s", "found no matching overload for '!_' applied to '(string)'"},
      Case{"self.n.startsWith('a')", "found no matching overload for 'startsWith' applied to 'int.(string)'"},
      Case{"self.s.startsWith(1)", "found no matching overload for 'startsWith' applied to 'string.(int)'"},
      Case{"self.nope()", "undeclared reference to 'nope' (in container '')"},
      Case{"nope(self)", "undeclared reference to 'nope' (in container '')"},
      Case{"other == 1", "undeclared reference to 'other' (in container '')"},
      Case{"self.s.length == 1", "type 'string' does not support field selection"},
      Case{"self.names['a'] == 'b'",
           "found no matching overload for '_[_]' applied to '(list(string), string)'"},
      Case{"self.n in self.names", "found no matching overload for '@in' applied to '(int, list(string))'"},
      Case{"self.s.all(c, c == 'a')", "cannot be range of a comprehension"},
      Case{"self.names.all(n, n > 1)", "found no matching overload for '_>_' applied to '(string, int)'"},
      Case{"self.parts.exists(p, p.none == '')", "undefined field 'none'"},
      Case{"has(self.none)", "undefined field 'none'"},
      Case{"self.on ? 1 : 'a'", "found no matching overload for '_?_:_' applied to '(bool, int, string)'"},
      Case{"self.n", "cel expression must evaluate to a bool"},
      Case{"self.s == null", "found no matching overload for '_==_' applied to '(string, null)'"},
      Case{"self.n <=", "Syntax error"});
  CAPTURE(c.rule);
  CHECK_THAT(verdict(c.rule), Catch::Contains(c.why));
}

TEST_CASE("mistake in a rule: shown with line, column and a mark") {
  CHECK(verdict("self.n > 0 &&\n self.x") ==
        R"(Invalid value: {"Rule":"self.n \u003e 0 \u0026\u0026\n self.x","Message":"no",)"
        R"("MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: )"
        "compilation failed: ERROR: <input>:2:6: undefined field 'x'\n |  self.x\n | .....^");
}

TEST_CASE("message expression that makes no text: refused") {
  CHECK(verdict("'n is ' + string(self.n)", "messageExpression") == "");
  CHECK_THAT(verdict("self.n", "messageExpression"), Catch::Contains("must evaluate to a string"));
  CHECK_THAT(verdict("self.x", "messageExpression"), Catch::Contains("undefined field 'x'"));
}

}  // namespace stowage::sandbox
