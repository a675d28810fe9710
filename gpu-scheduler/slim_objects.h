#pragma once

#include <string_view>

#include "api/core/node.h"
#include "api/core/pod.h"
#include "base/result.h"

/// Objects as the scheduler's caches hold them: what no decision and no message reads is dropped, because
/// a cluster's pods are most of the process's memory.
namespace stowage::scheduler {

Result<api::Pod> decode_slim_pod(std::string_view json);
Result<api::Node> decode_slim_node(std::string_view json);
/// Leaves name, UID and version: labels and amounts are held by the engine's state from then on.
void forget_content(api::Node& node);

}  // namespace stowage::scheduler
