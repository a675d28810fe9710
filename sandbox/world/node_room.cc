#include "sandbox/world/node_room.h"

#include <set>

namespace stowage::sandbox {
namespace {

int64_t amount(const engine::Resources& resources, const std::string& name) {
  if (name == "cpu") return resources.cpu_milli;
  if (name == "memory") return resources.memory_bytes;
  if (name == "ephemeral-storage") return resources.ephemeral_bytes;
  if (name == "pods") return resources.pods;
  const auto it = resources.extended.find(name);
  return it == resources.extended.end() ? 0 : it->second;
}

}  // namespace

std::optional<std::string> NodeRoom::admit(const std::string& uid, const engine::Resources& requests) {
  std::set<std::string> names{"pods", "cpu", "memory", "ephemeral-storage"};
  for (const auto& [name, value] : requests.extended)
    names.insert(name);
  for (const std::string& name : names) {
    const int64_t wanted = amount(requests, name);
    if (wanted == 0) continue;
    const auto allocatable = allocatable_.find(name);
    __int128 used = wanted;
    for (const auto& [other, held] : pods_)
      used += amount(held, name);
    if (allocatable == allocatable_.end() || used > allocatable->second) return name;
  }
  pods_[uid] = requests;
  return std::nullopt;
}

}  // namespace stowage::sandbox
