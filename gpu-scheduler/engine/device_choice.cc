#include "gpu-scheduler/engine/device_choice.h"

#include <bit>
#include <map>

namespace stowage::engine {
namespace {

uint64_t idle_mask(const NodeRow& row, const DevicePool& pool) {
  uint64_t mask = 0;
  for (size_t i = pool.first; i < size_t{pool.first} + pool.count; ++i) {
    if (row.device_free[i] == kWholeDevice) mask |= uint64_t{1} << i;
  }
  return mask;
}

uint64_t first_bits(uint64_t mask, int64_t count) {
  uint64_t out = 0;
  for (; mask != 0 && count > 0; --count) {
    out |= mask & -mask;
    mask &= mask - 1;
  }
  return out;
}

const AcceleratorSpec* spec_of(const NodeRow& row, const DevicePool& pool) {
  auto index = static_cast<size_t>(&pool - row.pools.data());
  return index < row.spec->accelerators.size() ? &row.spec->accelerators[index] : nullptr;
}

}  // namespace

uint64_t choose_idle(const NodeRow& row, const DevicePool& pool, int64_t count) {
  uint64_t idle = idle_mask(row, pool);
  const auto* spec = spec_of(row, pool);
  if (count > 1 && spec && !spec->group.empty()) {
    std::map<int32_t, uint64_t> groups;
    for (uint64_t rest = idle; rest != 0; rest &= rest - 1) {
      auto device = static_cast<size_t>(std::countr_zero(rest));
      groups[spec->group[device - pool.first]] |= rest & -rest;
    }
    uint64_t best = 0;
    for (const auto& [group, mask] : groups) {
      if (std::popcount(mask) < count) continue;
      if (best == 0 || std::popcount(mask) < std::popcount(best)) best = mask;
    }
    if (best != 0) return first_bits(best, count);
  }
  return first_bits(idle, count);
}

uint64_t choose_share(const NodeRow& row, const DevicePool& pool, int32_t milli) {
  size_t best = kMaxDevices;
  for (size_t i = pool.first; i < size_t{pool.first} + pool.count; ++i) {
    if (row.device_free[i] < milli) continue;
    if (best == kMaxDevices || row.device_free[i] < row.device_free[best]) best = i;
  }
  return best == kMaxDevices ? 0 : uint64_t{1} << best;
}

uint64_t device_with_free(const NodeRow& row, const DevicePool& pool, int32_t free_milli) {
  for (size_t i = pool.first; i < size_t{pool.first} + pool.count; ++i) {
    if (row.device_free[i] == free_milli) return uint64_t{1} << i;
  }
  return 0;
}

}  // namespace stowage::engine
