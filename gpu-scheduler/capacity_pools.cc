#include "gpu-scheduler/capacity_pools.h"

#include <algorithm>

namespace stowage::scheduler {
namespace {

bool matches(const PoolObject& pool, const api::Node& node) {
  return !pool.node_selector.empty() && std::ranges::all_of(pool.node_selector, [&node](const auto& wanted) {
    const auto it = node.meta.labels.find(wanted.first);
    return it != node.meta.labels.end() && it->second == wanted.second;
  });
}

engine::Tier tier_of(const PoolObject& pool) {
  if (pool.type == "Reserved") return engine::Tier::kReserved;
  if (pool.type == "Spot") return engine::Tier::kSpot;
  return engine::Tier::kOnDemand;
}

int64_t price_of(const PoolObject& pool, const api::Node& node) {
  const engine::NodeSpec spec = to_node_spec(node, nullptr);
  for (const auto& accelerator : spec.accelerators) {
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

std::optional<NodeCapacity> CapacityPools::of(const api::Node& node) const {
  for (const PoolRef& pool : pools_) {
    if (matches(*pool, node))
      return NodeCapacity{.tier = tier_of(*pool), .price_micro = price_of(*pool, node)};
  }
  return std::nullopt;
}

std::string_view CapacityPools::winner(const api::Node& node) const {
  for (const PoolRef& pool : pools_) {
    if (matches(*pool, node)) return pool->meta.name;
  }
  return {};
}

std::vector<std::string> CapacityPools::matching(const api::Node& node) const {
  std::vector<std::string> out;
  for (const PoolRef& pool : pools_) {
    if (matches(*pool, node)) out.push_back(pool->meta.name);
  }
  return out;
}

std::map<std::string, std::string> CapacityPools::overlaps(
    const std::map<std::string, std::shared_ptr<const api::Node>, std::less<>>& nodes) const {
  std::map<std::string, std::string> out;
  for (const auto& [name, node] : nodes) {
    const std::vector<std::string> names = matching(*node);
    if (names.size() < 2) continue;
    for (const std::string& pool : names)
      out.try_emplace(pool, pool == names.front() ? names[1] : names.front());
  }
  return out;
}

}  // namespace stowage::scheduler
