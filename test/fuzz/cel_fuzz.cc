// CEL expressions: compiled, checked against a small schema, estimated, evaluated on an object of it.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/apiserver/cel/cel.h"
#include "sandbox/apiserver/cel/check.h"
#include "sandbox/apiserver/cel/estimate.h"
#include "sandbox/apiserver/custom/constraints.h"

namespace {

using namespace stowage::sandbox;

const Schema& schema() {
  static SchemaSet set;
  static std::vector<Cause> causes;
  static const Schema* const out = parse_structural(
      Json::parse(
          R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"f":{"type":"number"},
          "on":{"type":"boolean"},"t":{"type":"string","format":"date-time"},
          "either":{"x-kubernetes-int-or-string":true},
          "list":{"type":"array","items":{"type":"integer"}},"names":{"type":"array","items":{"type":"string"}},
          "map":{"type":"object","additionalProperties":{"type":"string"}},
          "parts":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},
            "size":{"type":"integer"}}}}}})"),
      set, "schema", causes);
  return *out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Json self = {{"a", 1},
                            {"b", "text with ümläuts"},
                            {"f", 0.5},
                            {"on", true},
                            {"t", "2026-01-02T03:04:05Z"},
                            {"either", "50%"},
                            {"list", {1, 2, 3}},
                            {"names", {"x", "", "yy"}},
                            {"map", {{"k", "v"}}},
                            {"parts", {{{"id", "p"}, {"size", 3}}, {{"id", "q"}}}}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto program = cel::Program::compile(text);
  if (!program) return 0;
  cel::Types types;
  if (cel::check(*program, text, schema(), true, cel::Wanted::kBool, &types).empty())
    (void)cel::estimate_cost(*program, types, schema(), true);
  cel::Budget budget;
  (void)program->test({{"self", &self}, {"oldSelf", &self}}, budget);
  (void)program->text({{"self", &self}, {"oldSelf", nullptr}}, budget);
  return 0;
}
