#pragma once

#include "api/core/json_walk.h"
#include "base/clock.h"

namespace stowage::api {

/// A duration of a spec: whole numbers with s, m or h, added up ("90s", "1h30m"). Anything else is reported
/// at the value's path. Values above ten years become ten years.
void read_duration(JsonValue value, Millis& out);

}  // namespace stowage::api
