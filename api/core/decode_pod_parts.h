#pragma once

#include "api/core/json_walk.h"
#include "api/core/pod.h"

namespace stowage::api {

void read(JsonValue value, PodAffinityTerm& out);
void read(JsonValue value, Affinity& out);
void read(JsonValue value, TopologySpreadConstraint& out);
void read(JsonValue value, PodSpec& out);
void read(JsonValue value, PodStatus& out);

}  // namespace stowage::api
