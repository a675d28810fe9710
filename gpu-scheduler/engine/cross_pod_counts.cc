#include "gpu-scheduler/engine/cross_pod_counts.h"

#include <algorithm>

#include "base/check.h"

namespace stowage::engine {

void TopologyColumn::set(NodeIndex node, const Labels* labels) {
  if (node >= value.size()) value.resize(node + 1, -1);
  value[node] = -1;
  if (labels == nullptr) return;
  const auto label = labels->find(key);
  if (label == labels->end()) return;
  value[node] = ids.try_emplace(label->second, static_cast<int32_t>(ids.size())).first->second;
}

void DomainCounts::add(int32_t value, int32_t delta) {
  const auto index = static_cast<size_t>(value);
  if (index >= by_value.size()) by_value.resize(index + 1, 0);
  by_value[index] += delta;
}

void SpreadCounter::enter(int32_t pods) {
  const auto index = static_cast<size_t>(pods);
  if (index >= with_count_.size()) with_count_.resize(index + 1, 0);
  ++with_count_[index];
  least_ = present_ == 0 ? pods : std::min(least_, pods);
  ++present_;
}

void SpreadCounter::leave(int32_t pods) {
  --with_count_[static_cast<size_t>(pods)];
  --present_;
  if (present_ == 0) return;
  while (with_count_[static_cast<size_t>(least_)] == 0)
    ++least_;
}

void SpreadCounter::add_node(int32_t value) {
  const auto index = static_cast<size_t>(value);
  if (index >= nodes_.size()) {
    nodes_.resize(index + 1);
    pods_.resize(index + 1);
  }
  if (nodes_[index]++ == 0) enter(pods_[index]);
}

void SpreadCounter::remove_node(int32_t value) {
  const auto index = static_cast<size_t>(value);
  if (--nodes_[index] == 0) leave(pods_[index]);
}

void SpreadCounter::add_pods(int32_t value, int32_t delta) {
  const auto index = static_cast<size_t>(value);
  const int32_t before = pods_[index];
  pods_[index] += delta;
  STOWAGE_CHECK(pods_[index] >= 0 && nodes_[index] > 0, "a spread counter lost track of its pods");
  // Enter first: leaving would move the least upwards past the new value.
  enter(pods_[index]);
  leave(before);
}

}  // namespace stowage::engine
