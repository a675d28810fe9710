#pragma once

#include "api/core/json_walk.h"
#include "api/core/pod.h"

namespace stowage::api {

/// Reads {"cpu": "500m", "memory": "1Gi", ...}: CPU in thousandths, everything else in whole units.
void read_resources(JsonValue value, ResourceList& out);

}  // namespace stowage::api
