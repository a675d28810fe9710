// Bodies of application/vnd.kubernetes.protobuf.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "sandbox/apiserver/protobuf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stowage::sandbox;
  const auto object = decode_protobuf({reinterpret_cast<const char*>(data), size}, *shared_builtins());
  if (!object) {
    STOWAGE_CHECK(!object.error().message.empty(), "an error without a sentence");
    return 0;
  }
  STOWAGE_CHECK(object->is_object() && object->contains("kind"), "an object without a kind");
  (void)dump(*object);
  return 0;
}
