// Manifests of a real cluster, as `stowage-sandbox load` reads them: whatever stands in them, the server
// lives and every object is told of once.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.h"
#include "sandbox/apiserver/server.h"
#include "sandbox/world/manifests.h"
#include "sandbox/world/snapshot.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stowage::sandbox;
  static const stowage::WallTime now{std::chrono::seconds(1'700'000'000)};
  static const Server* original = [] {
    auto* server = new Server();
    server->bootstrap(now);
    return server;
  }();
  auto objects = read_manifests({reinterpret_cast<const char*>(data), size},
                                {.bytes = 1 << 16, .depth = 64, .nodes = 10'000});
  if (!objects) {
    STOWAGE_CHECK(!objects.error().message.empty(), "an error without a sentence");
    return 0;
  }
  const size_t given = objects->size();
  Server server = original->fork(1);
  const SnapshotReport report = load_snapshot(server, *std::move(objects), now);
  size_t told = 0;
  for (const auto& [kind, count] : report.loaded)
    told += count;
  for (const auto& [kind, names] : report.unknown)
    told += names.size();
  // A status that was refused is told of beside its object.
  STOWAGE_CHECK(told + report.refused.size() >= given, "an object was left out without a word");
  Request list{.method = "GET", .path = "/api/v1/nodes"};
  STOWAGE_CHECK(server.handle(list, now).status == 200, "the nodes cannot be listed");
  return 0;
}
