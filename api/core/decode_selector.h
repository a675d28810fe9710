#pragma once

#include "api/core/json_walk.h"
#include "api/core/selector.h"

namespace stowage::api {

void read(JsonValue value, SelectorRequirement& out);
void read(JsonValue value, LabelSelector& out);
void read(JsonValue value, NodeSelectorTerm& out);
void read(JsonValue value, NodeSelector& out);

}  // namespace stowage::api
