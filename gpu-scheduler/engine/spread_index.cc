#include "gpu-scheduler/engine/spread_index.h"

#include <algorithm>

#include "gpu-scheduler/engine/cluster_state.h"

namespace stowage::engine {

void SpreadIndex::pod_changed(PodIndex index, const RunningPod& pod, int32_t delta) {
  if (pod.spread_key.empty() || pod.terminating) return;
  auto& held = by_key_[pod.spread_key];
  if (!held) {
    held = std::make_shared<Gangs>();
  } else if (!sole_owner(held)) {
    held = std::make_shared<Gangs>(*held);
  }
  std::string gang = pod.group;
  if (gang.empty()) gang = pod.uid.empty() ? "#" + std::to_string(index) : "#" + pod.uid;
  auto& nodes = (*held)[gang];
  if ((nodes[pod.node] += delta) == 0) nodes.erase(pod.node);
  if (nodes.empty()) held->erase(gang);
  if (held->empty()) by_key_.erase(pod.spread_key);
}

const SpreadIndex::Gangs* SpreadIndex::gangs(std::string_view key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : it->second.get();
}

bool SpreadIndex::operator==(const SpreadIndex& other) const {
  return std::ranges::equal(by_key_, other.by_key_, [](const auto& a, const auto& b) {
    return a.first == b.first && *a.second == *b.second;
  });
}

}  // namespace stowage::engine
