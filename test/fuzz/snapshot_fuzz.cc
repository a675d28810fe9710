// Manifests of a real cluster, as `stowage-sandbox load` reads them: whatever stands in them, the server
// lives and every object is told of once.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.h"
#include "sandbox/apiserver/server.h"
#include "sandbox/world/manifests.h"
#include "sandbox/world/snapshot.h"
#include "test/fuzz/fresh_server.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stowage::sandbox;
  auto objects = read_manifests({reinterpret_cast<const char*>(data), size},
                                {.bytes = 1 << 16, .depth = 64, .nodes = 10'000});
  if (!objects) {
    STOWAGE_CHECK(!objects.error().message.empty(), "an error without a sentence");
    return 0;
  }
  const size_t given = objects->size();
  Server server = fresh_server();
  const SnapshotReport report = load_snapshot(server, *std::move(objects), kFuzzTime);
  size_t told = 0;
  for (const auto& [kind, count] : report.loaded)
    told += count;
  for (const auto& [kind, names] : report.unknown)
    told += names.size();
  // A status that was refused is told of beside its object.
  STOWAGE_CHECK(told + report.refused.size() >= given, "an object was left out without a word");
  Request list{.method = "GET", .path = "/api/v1/nodes"};
  STOWAGE_CHECK(server.handle(list, kFuzzTime).status == 200, "the nodes cannot be listed");
  return 0;
}
