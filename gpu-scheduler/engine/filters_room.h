#pragma once

#include <cstdint>

#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/interner.h"

namespace stowage::engine {

/// Pods of the class that fit on the node at once, by resources, if nothing ran there; at most 1<<20.
int32_t count_empty_slots(const NodeRow& row, const CompiledClass& pod);

}  // namespace stowage::engine
