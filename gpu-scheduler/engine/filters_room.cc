#include "gpu-scheduler/engine/filters_room.h"

#include <algorithm>

namespace stowage::engine {

int32_t count_empty_slots(const NodeRow& row, const CompiledClass& pod) {
  const Resources& offered = row.spec->allocatable;
  int64_t slots = 1 << 20;
  auto limit = [&](int64_t amount, int64_t each) {
    if (each > 0) slots = std::min(slots, amount / each);
  };
  auto extended = [&](const std::string& name) {
    const auto at = offered.extended.find(name);
    return at == offered.extended.end() ? 0 : at->second;
  };
  limit(offered.pods, pod.pods);
  limit(offered.cpu_milli, pod.cpu_milli);
  limit(offered.memory_bytes, pod.memory_bytes);
  limit(offered.ephemeral_bytes, pod.ephemeral_bytes);
  const std::string& device = pod.spec.device.resource;
  for (const auto& [name, amount] : pod.spec.requests.extended) {
    if (name != device) limit(extended(name), amount);
  }
  if (pod.device_count > 0) {
    int64_t devices = pod.shares() ? 0 : extended(device);
    for (const auto& pool : row.pools) {
      if (pool.resource != pod.device_resource) continue;
      devices = pool.count;
      if (pod.shares() && pod.product_rank(pool.product) < 0) devices = 0;
    }
    slots = std::min(slots,
                     pod.shares() ? devices * (kWholeDevice / pod.device_milli) : devices / pod.device_count);
  }
  if (pod.excludes_itself) slots = std::min<int64_t>(slots, 1);
  return static_cast<int32_t>(slots);
}

}  // namespace stowage::engine
