#pragma once

#include <map>
#include <optional>
#include <string>

#include "api/core/node.h"
#include "api/core/pod.h"
#include "gpu-scheduler/engine/types.h"

namespace stowage::sandbox {

/// What is left on one node, as its kubelet counts it at admission.
class NodeRoom {
 public:
  void set_allocatable(const api::ResourceList& allocatable) { allocatable_ = allocatable; }
  /// Admits the pod, or says which resource is short ("cpu", "nvidia.com/gpu"): the kubelet's reason is OutOf
  /// + that.
  std::optional<std::string> admit(const std::string& uid, const engine::Resources& requests);
  void release(const std::string& uid) { pods_.erase(uid); }
  [[nodiscard]] bool holds(const std::string& uid) const { return pods_.contains(uid); }

 private:
  api::ResourceList allocatable_;
  std::map<std::string, engine::Resources> pods_;
};

}  // namespace stowage::sandbox
