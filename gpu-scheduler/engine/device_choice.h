#pragma once

#include <cstdint>

#include "gpu-scheduler/engine/cluster_state.h"

namespace stowage::engine {

/// Bits of the pool's devices.
inline uint64_t pool_mask(const DevicePool& pool) {
  if (pool.count == 0) return 0;
  uint64_t bits = pool.count >= kMaxDevices ? ~uint64_t{0} : (uint64_t{1} << pool.count) - 1;
  return bits << pool.first;
}

/// `count` idle devices of the pool (fewer when there are fewer): all of one device group where the smallest
/// group that has enough, else the first ones.
uint64_t choose_idle(const NodeRow& row, const DevicePool& pool, int64_t count);

/// The device with the least free share that has `milli` free; 0 when there is none.
uint64_t choose_share(const NodeRow& row, const DevicePool& pool, int32_t milli);

/// The first device of the pool with exactly `free_milli` free; 0 when there is none.
uint64_t device_with_free(const NodeRow& row, const DevicePool& pool, int32_t free_milli);

}  // namespace stowage::engine
