#include "gpu-scheduler/engine/node_kinds.h"

#include <algorithm>
#include <bit>

namespace stowage::engine {
namespace {

int64_t leading_bits(int64_t value) {
  constexpr int kKept = 3;
  int drop = std::max(0, static_cast<int>(std::bit_width(static_cast<uint64_t>(value))) - kKept);
  return value >> drop << drop;
}

NodeKinds::Kind kind_of(const NodeRow& row) {
  if (row.pools.empty()) return {};
  int64_t cpu = std::max<int64_t>(row.spec->allocatable.cpu_milli, 0);
  return {.product = row.pools.front().product,
          .devices = row.pools.front().count,
          .cpu_milli = cpu,
          .cpu_step = leading_bits(cpu)};
}

}  // namespace

NodeKinds::NodeKinds(const ClusterState& state)
    : layout_(state.layout_version()), of_(state.node_limit(), 0), leaf_of_(state.node_limit(), 0) {
  for (NodeIndex node : state.nodes_in_order()) {
    auto wanted = kind_of(state.node(node));
    auto at = std::ranges::find_if(kinds_, [&](const Kind& kind) {
      return kind.product == wanted.product && kind.devices == wanted.devices &&
             kind.cpu_step == wanted.cpu_step;
    });
    if (at == kinds_.end() && kinds_.size() == kMost) {
      at = std::ranges::find(kinds_, wanted.product, &Kind::product);
      if (at == kinds_.end()) --at;
    }
    if (at == kinds_.end()) at = kinds_.insert(at, wanted);
    at->devices = std::max(at->devices, wanted.devices);
    at->cpu_milli = std::max(at->cpu_milli, wanted.cpu_milli);
    ++at->nodes;
    of_[node] = static_cast<uint32_t>(at - kinds_.begin());
    members_.resize(kinds_.size());
    auto& members = members_[of_[node]];
    leaf_of_[node] = static_cast<uint32_t>(members.size());
    members.push_back(node);
  }
  lay_out_trees();
}

void NodeKinds::lay_out_trees() {
  for (const auto& members : members_) {
    const size_t leaves = std::bit_ceil(members.size());
    trees_.push_back({tree_size_, leaves});
    tree_size_ += 2 * leaves;
  }
}

}  // namespace stowage::engine
