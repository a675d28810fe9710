#pragma once

#include <string>

#include "api/core/pod.h"
#include "base/clock.h"
#include "sandbox/world/pod_addresses.h"

namespace stowage::sandbox {

/// Strategic-merge patches of pods/status, as a kubelet would send them. All carry the pod's UID, so that a
/// patch for a pod that was replaced under the same name is refused.
std::string starting_patch(const api::Pod& pod, WallTime now, const std::string& host);
std::string ready_patch(const api::Pod& pod, WallTime now, const PodAddress& address);
/// Phase Failed or Succeeded with every container terminated.
std::string finished_patch(const api::Pod& pod, WallTime now, bool succeeded);
/// Only the conditions Ready and ContainersReady; `reason` is empty when they are True.
std::string readiness_patch(const api::Pod& pod, WallTime now, bool ready, const char* reason);
/// Phase Failed because the node shuts down.
std::string terminated_patch(const api::Pod& pod, WallTime now);
/// Phase Failed before any container started: admission refused (`reason` such as OutOfcpu).
std::string rejected_patch(const api::Pod& pod, WallTime now, const std::string& reason,
                           const std::string& message);

}  // namespace stowage::sandbox
