// All kinds of patches on one pod: the first byte chooses the kind, the rest is the patch.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.h"
#include "sandbox/apiserver/apply/managed_fields.h"
#include "sandbox/apiserver/apply/typed.h"
#include "sandbox/apiserver/parsed.h"
#include "sandbox/apiserver/patch.h"
#include "sandbox/apiserver/schema.h"

namespace {

using namespace stowage::sandbox;

/// An applied configuration that was just won changes nothing when it is applied again.
void apply_twice(const Json& live, const Json& patch, const Schema& schema) {
  const Writer writer{"fuzz", "v1", ""};
  const stowage::WallTime now{std::chrono::seconds(1'700'000'000)};
  const auto once = apply_configuration(live, patch, schema, writer, true, now);
  if (!once) return;
  const auto again = apply_configuration(*once, patch, schema, writer, false, now);
  STOWAGE_CHECK(again && *again == *once, "a second apply changed the object");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static const Json live = Json::parse(
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"a":"b"}},"spec":{"containers":[
      {"name":"main","image":"x","env":[{"name":"A","value":"1"}],"ports":[{"containerPort":80,"protocol":"TCP"}]},
      {"name":"side","image":"y"}],"tolerations":[{"key":"k"}],"volumes":[{"name":"v","emptyDir":{}}]}})");
  const Schema& schema = *shared_builtins()->type("core.v1.Pod");
  auto patch = parse_json({reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!patch) return 0;
  const Json& value = patch->value;
  if (data[0] % 4 == 0) return (void)json_patch(live, value), 0;
  if (data[0] % 4 == 1) (void)merge_patch(live, value);
  if (data[0] % 4 == 2) {
    if (const auto merged = strategic_merge_patch(live, value, schema))
      (void)restore_problem(*merged, schema);
  }
  if (!value.is_object()) return 0;
  if (data[0] % 4 == 3 && typed_problem(value, schema).empty()) apply_twice(live, value, schema);
  return 0;
}
