// CEL expressions, compiled and evaluated on a small object.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "sandbox/apiserver/cel/cel.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const nlohmann::json self = {
      {"a", 1}, {"b", "text"}, {"list", {1, 2, 3}}, {"map", {{"k", "v"}}}, {"on", true}};
  const auto program = stowage::sandbox::cel::Program::compile({reinterpret_cast<const char*>(data), size});
  if (program) (void)program->test({{"self", &self}, {"oldSelf", &self}});
  return 0;
}
