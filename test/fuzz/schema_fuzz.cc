// CustomResourceDefinitions: any document as a schema, read and then used on an object.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "sandbox/apiserver/parsed.h"
#include "sandbox/apiserver/server.h"
#include "test/fuzz/fresh_server.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stowage::sandbox;
  const auto schema =
      parse_yaml({reinterpret_cast<const char*>(data), size}, {.bytes = 1 << 14, .depth = 40});
  if (!schema) return 0;
  const Json definition = {{"apiVersion", "apiextensions.k8s.io/v1"},
                           {"kind", "CustomResourceDefinition"},
                           {"metadata", {{"name", "things.fuzz.example.com"}}},
                           {"spec",
                            {{"group", "fuzz.example.com"},
                             {"scope", "Cluster"},
                             {"names", {{"plural", "things"}, {"kind", "Thing"}}},
                             {"versions",
                              {{{"name", "v1"},
                                {"served", true},
                                {"storage", true},
                                {"schema", {{"openAPIV3Schema", schema->value}}}}}}}}};
  Server server = fresh_server();
  const auto post = [&](const char* path, const Json& body) {
    Request request{.method = "POST", .path = path, .content_type = "application/json", .body = dump(body)};
    return server.handle(request, kFuzzTime).status;
  };
  if (post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition) != 201) return 0;
  const int status = post("/apis/fuzz.example.com/v1/things",
                          {{"apiVersion", "fuzz.example.com/v1"},
                           {"kind", "Thing"},
                           {"metadata", {{"name", "t"}}},
                           {"spec", {{"size", 3}, {"name", "x"}, {"list", {1, 2}}, {"map", {{"a", "b"}}}}}});
  if (status < 200 || status >= 500) __builtin_trap();
  Request documents{.method = "GET", .path = "/openapi/v3/apis/fuzz.example.com/v1"};
  if (server.handle(documents, kFuzzTime).status != 200) __builtin_trap();
  return 0;
}
