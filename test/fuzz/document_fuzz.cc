// JSON and YAML documents, and JSONPaths on them. The first line is the path, the rest the document.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.h"
#include "sandbox/apiserver/json_path.h"
#include "sandbox/apiserver/parsed.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stowage::sandbox;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view path = text.substr(0, text.find('\n'));
  const std::string_view body = text.substr(std::min(text.size(), path.size() + 1));
  const InputLimits limits{.bytes = 1 << 16, .depth = 64, .nodes = 10'000};
  for (const bool yaml : {false, true}) {
    const auto parsed = yaml ? parse_yaml(body, limits) : parse_json(body, limits);
    if (!parsed) {
      STOWAGE_CHECK(!parsed.error().message.empty(), "an error without a sentence");
      continue;
    }
    (void)json_path(parsed->value, path);
    (void)json_pointer_like(parsed->value, path);
    const auto again = parse_json(dump(parsed->value), limits);
    if (again && !yaml) STOWAGE_CHECK(dump(again->value) == dump(parsed->value), "a document changed");
  }
  return 0;
}
