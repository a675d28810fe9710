#include "gpu-scheduler/engine/area.h"

#include <algorithm>
#include <map>

namespace stowage::engine {
namespace {

bool inside(const ClusterState& state, DomainId domain, DomainId outer) {
  for (DomainId at = domain; at != kNone; at = state.domains()[at].parent) {
    if (at == outer) return true;
  }
  return false;
}

}  // namespace

std::span<const NodeIndex> Area::nodes(const ClusterState& state) const {
  if (kind_ == Kind::kAll) return state.nodes_in_order();
  return kind_ == Kind::kDomain ? std::span<const NodeIndex>(state.domains()[domain_].nodes)
                                : std::span<const NodeIndex>(nodes_);
}

bool Area::has(const ClusterState& state, NodeIndex node) const {
  if (kind_ == Kind::kAll) return true;
  if (kind_ == Kind::kDomain) return state.domain_of(node, state.domains()[domain_].level) == domain_;
  const auto at = std::ranges::lower_bound(nodes_, state.order_of(node), {},
                                           [&](NodeIndex n) { return state.order_of(n); });
  return at != nodes_.end() && *at == node;
}

std::vector<std::pair<DomainId, Area>> split(const ClusterState& state, const Area& area, uint32_t level) {
  std::vector<std::pair<DomainId, Area>> out;
  const auto domains = state.domains();
  const DomainId outer = area.domain();
  if (outer != kNone && domains[outer].level >= level) {
    DomainId above = outer;
    while (above != kNone && domains[above].level > level)
      above = domains[above].parent;
    if (above != kNone && domains[above].level == level) out.emplace_back(above, area);
    return out;
  }
  if (area.everywhere() || outer != kNone) {
    const auto first = std::ranges::lower_bound(domains, level, {}, &Domain::level);
    for (auto at = first; at != domains.end() && at->level == level; ++at) {
      const auto domain = static_cast<DomainId>(at - domains.begin());
      if (outer == kNone || inside(state, domain, outer)) out.emplace_back(domain, Area(domain));
    }
    return out;
  }
  std::map<DomainId, std::vector<NodeIndex>> parts;
  for (const NodeIndex node : area.nodes(state)) {
    const DomainId domain = state.domain_of(node, level);
    if (domain != kNone) parts[domain].push_back(node);
  }
  for (auto& [domain, nodes] : parts) {
    const bool all = nodes.size() == domains[domain].nodes.size();
    out.emplace_back(domain, all ? Area(domain) : Area(std::move(nodes)));
  }
  return out;
}

}  // namespace stowage::engine
