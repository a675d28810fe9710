#include "gpu-scheduler/capacity_pools.h"

#include <algorithm>

namespace stowage::scheduler {
namespace {

bool matches(const PoolObject& pool, const engine::NodeSpec& node) {
  return !pool.node_selector.empty() && std::ranges::all_of(pool.node_selector, [&node](const auto& wanted) {
    const auto it = node.labels.find(wanted.first);
    return it != node.labels.end() && it->second == wanted.second;
  });
}

engine::Tier tier_of(const PoolObject& pool) {
  if (pool.type == "Reserved") return engine::Tier::kReserved;
  if (pool.type == "Spot") return engine::Tier::kSpot;
  return engine::Tier::kOnDemand;
}

int64_t price_of(const PoolObject& pool, const engine::NodeSpec& node) {
  for (const auto& accelerator : node.accelerators) {
    if (const auto it = pool.price_micro.find(accelerator.product); it != pool.price_micro.end())
      return it->second;
  }
  const auto any = pool.price_micro.find("*");
  return any == pool.price_micro.end() ? 0 : any->second;
}

}  // namespace

CapacityPools::CapacityPools(std::vector<PoolRef> pools) : pools_(std::move(pools)) {
  std::ranges::sort(pools_, {}, [](const PoolRef& pool) -> const std::string& { return pool->meta.name; });
}

std::optional<NodeCapacity> CapacityPools::of(const engine::NodeSpec& node) const {
  for (const PoolRef& pool : pools_) {
    if (matches(*pool, node))
      return NodeCapacity{.tier = tier_of(*pool), .price_micro = price_of(*pool, node)};
  }
  return std::nullopt;
}

std::string_view CapacityPools::winner(const engine::NodeSpec& node) const {
  for (const PoolRef& pool : pools_) {
    if (matches(*pool, node)) return pool->meta.name;
  }
  return {};
}

std::vector<std::string> CapacityPools::matching(const engine::NodeSpec& node) const {
  std::vector<std::string> out;
  for (const PoolRef& pool : pools_) {
    if (matches(*pool, node)) out.push_back(pool->meta.name);
  }
  return out;
}

std::map<std::string, std::string> CapacityPools::overlaps(const engine::ClusterState& state) const {
  std::map<std::string, std::string> out;
  for (engine::NodeIndex node = 0; node < state.node_limit(); ++node) {
    if (!state.has_node(node)) continue;
    const std::vector<std::string> names = matching(*state.node(node).spec);
    if (names.size() < 2) continue;
    for (const std::string& pool : names)
      out.try_emplace(pool, pool == names.front() ? names[1] : names.front());
  }
  return out;
}

}  // namespace stowage::scheduler
