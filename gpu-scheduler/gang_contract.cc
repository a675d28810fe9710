#include "gpu-scheduler/gang_contract.h"

#include <fmt/core.h>

#include <charconv>
#include <optional>

#include "base/quantity.h"

namespace stowage::scheduler {
namespace {

/// A gang larger than this is a mistake in writing, and would fill the engine's transaction.
constexpr int32_t kMostMembers = 100'000;

std::optional<int64_t> to_number(std::string_view text) {
  int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view part = trimmed(text.substr(0, comma));
    if (!part.empty()) out.emplace_back(part);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return out;
}

std::unexpected<Error> wrong(std::string_view name, std::string_view value, std::string_view instead) {
  return fail(Code::kInvalidArgument, fmt::format("annotation {} is \"{}\": {}", name, value, instead));
}

Result<void> read_group(const api::Pod& pod, PodTerms& out) {
  out.group = pod.meta.annotation(annotation::kGroup);
  const std::string& size = pod.meta.annotation(annotation::kGroupSize);
  if (out.group.empty()) {
    if (!size.empty() && size != "1")
      return wrong(annotation::kGroupSize, size,
                   "it needs stowage.dev/group beside it, which names the group");
    return {};
  }
  const auto number = to_number(size);
  if (!number || *number < 1 || *number > kMostMembers)
    return wrong(annotation::kGroupSize, size,
                 fmt::format("write how many pods the group has, from 1 to {}", kMostMembers));
  out.group_size = static_cast<int32_t>(*number);
  return {};
}

Result<void> read_topology(const api::Pod& pod, PodTerms& out) {
  const std::string& required = pod.meta.annotation(annotation::kTopologyRequired);
  const std::string& preferred = pod.meta.annotation(annotation::kTopologyPreferred);
  if (!required.empty() && !preferred.empty())
    return wrong(annotation::kTopologyPreferred, preferred,
                 "remove it or stowage.dev/topology-required, only one of them can be asked for");
  if (!required.empty()) out.topology = {.mode = engine::TopologyRequest::Mode::kRequired, .level = required};
  if (!preferred.empty())
    out.topology = {.mode = engine::TopologyRequest::Mode::kPreferred, .level = preferred};
  const std::string& spread = pod.meta.annotation(annotation::kSpread);
  if (spread.empty()) return {};
  const size_t slash = spread.rfind('/');
  const auto skew = slash == std::string::npos ? std::optional<int64_t>(1)
                                               : to_number(std::string_view(spread).substr(slash + 1));
  if (!skew || *skew < 1 || *skew > 1'000'000 || slash == 0)
    return wrong(annotation::kSpread, spread, "write level/maxSkew, such as zone/1");
  out.spread = {.level = spread.substr(0, slash), .max_skew = static_cast<int32_t>(*skew)};
  return {};
}

Result<void> read_wishes(const api::Pod& pod, PodTerms& out) {
  out.wishes.products = split(pod.meta.annotation(annotation::kProducts));
  const std::string& memory = pod.meta.annotation(annotation::kDeviceMemory);
  if (!memory.empty()) {
    const auto bytes = parse_quantity(memory);
    if (!bytes || *bytes < 0)
      return wrong(annotation::kDeviceMemory, memory, "write the memory of one device, such as 80Gi");
    out.wishes.memory_bytes = *bytes;
  }
  const std::string& tiers = pod.meta.annotation(annotation::kTiers);
  for (const std::string& name : split(tiers)) {
    if (name == "Reserved") {
      out.wishes.tiers.push_back(engine::Tier::kReserved);
    } else if (name == "OnDemand") {
      out.wishes.tiers.push_back(engine::Tier::kOnDemand);
    } else if (name == "Spot") {
      out.wishes.tiers.push_back(engine::Tier::kSpot);
    } else {
      return wrong(annotation::kTiers, tiers, "write Reserved, OnDemand or Spot, separated by commas");
    }
  }
  return {};
}

}  // namespace

Result<PodTerms> read_terms(const api::Pod& pod) {
  PodTerms out;
  TRY_VOID(read_group(pod, out));
  TRY_VOID(read_topology(pod, out));
  TRY_VOID(read_wishes(pod, out));
  const std::string& policy = pod.meta.annotation(annotation::kPolicy);
  if (!policy.empty()) out.policy = policy;
  return out;
}

std::string_view disagreement(const PodTerms& a, const PodTerms& b) {
  if (a.group_size != b.group_size) return annotation::kGroupSize;
  if (a.topology.mode != b.topology.mode || a.topology.level != b.topology.level)
    return a.topology.mode == engine::TopologyRequest::Mode::kPreferred ? annotation::kTopologyPreferred
                                                                        : annotation::kTopologyRequired;
  if (a.spread.level != b.spread.level || a.spread.max_skew != b.spread.max_skew) return annotation::kSpread;
  if (a.policy != b.policy) return annotation::kPolicy;
  return {};
}

std::string unit_key(const api::Pod& pod) {
  const std::string& group = pod.meta.annotation(annotation::kGroup);
  if (group.empty() && !pod.spec.pod_group.empty()) return pod.meta.ns + "/podgroup/" + pod.spec.pod_group;
  if (group.empty()) return pod.meta.uid;
  const api::OwnerReference* owner = pod.meta.controller();
  return fmt::format("{}/{}/{}", pod.meta.ns, owner == nullptr ? "" : owner->uid, group);
}

std::string spread_key(const api::Pod& pod) {
  const api::OwnerReference* owner = pod.meta.controller();
  return pod.meta.ns + "/" + (owner == nullptr ? pod.meta.label(label::kDeployment) : owner->uid);
}

int64_t rank_of(const api::Pod& pod) {
  const std::string& rank = pod.meta.label(label::kRank);
  return rank.empty() ? -1 : to_number(rank).value_or(-1);
}

}  // namespace stowage::scheduler
