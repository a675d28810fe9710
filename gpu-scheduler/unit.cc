#include "gpu-scheduler/unit.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

namespace stowage::scheduler {
namespace {

constexpr EventMask kRoom = bit(ClusterEvent::kNodeAdded) | bit(ClusterEvent::kNodeChanged) |
                            bit(ClusterEvent::kCapacityFreed) | bit(ClusterEvent::kPolicyChanged) |
                            bit(ClusterEvent::kStorageChanged);

struct Members {
  std::vector<PodRef> waiting;
  std::vector<const PodRecord*> placed;
  size_t gated = 0;
  [[nodiscard]] size_t total() const { return waiting.size() + placed.size() + gated; }
};

void sort_by_rank(std::vector<PodRef>& pods) {
  std::ranges::sort(pods, [](const PodRef& a, const PodRef& b) {
    return std::tuple(rank_of(*a), std::string_view(a->meta.name)) <
           std::tuple(rank_of(*b), std::string_view(b->meta.name));
  });
}

Members collect(const ClusterCache& cache, std::string_view unit) {
  Members out;
  const auto* uids = cache.members(unit);
  if (uids == nullptr) return out;
  for (const std::string_view uid : *uids) {
    const PodRecord* record = cache.find(uid);
    if (record == nullptr) continue;
    switch (record->phase) {
      case PodPhase::kWaiting:
        out.waiting.push_back(record->pod);
        break;
      case PodPhase::kGated:
        ++out.gated;
        break;
      case PodPhase::kAssumed:
      case PodPhase::kBound:
        // A member that is being deleted is one no longer.
        if (!record->pod->terminating()) out.placed.push_back(record);
        break;
    }
  }
  sort_by_rank(out.waiting);
  return out;
}

HeldUnit held(std::string reason, const std::string& message, EventMask helps = 0) {
  std::string text = reason + ": " + message;
  return {.reason = std::move(reason), .message = std::move(text), .helps = helps};
}

/// The terms of the group, or why it is not one.
std::variant<PodTerms, HeldUnit> agree(const Members& members) {
  auto first = read_terms(*members.waiting.front());
  if (!first) return held("InvalidGroup", first.error().message);
  const auto check = [&first](const api::Pod& pod) -> std::optional<HeldUnit> {
    const auto terms = read_terms(pod);
    if (!terms) return held("InvalidGroup", fmt::format("pod {}: {}", pod.meta.name, terms.error().message));
    const std::string_view differs = disagreement(*first, *terms);
    if (differs.empty()) return std::nullopt;
    return held("InvalidGroup",
                fmt::format("the pods of group {} disagree in annotation {}: pod {} says \"{}\"",
                            first->group, differs, pod.meta.name, pod.meta.annotation(differs)));
  };
  for (const PodRef& pod : members.waiting) {
    if (auto problem = check(*pod)) return std::move(*problem);
  }
  for (const PodRecord* record : members.placed) {
    if (auto problem = check(*record->pod)) return std::move(*problem);
  }
  const auto size = static_cast<size_t>(first->group_size);
  if (members.total() > size)
    return held("InvalidGroup",
                fmt::format("group {} has {} pods, but its size is {}: delete the surplus, or raise "
                            "stowage.dev/group-size on all of them",
                            first->group, members.total(), size));
  if (members.total() < size)
    return held("WaitingForMembers", fmt::format("waiting for {} of {} pods of group {}",
                                                 size - members.total(), size, first->group));
  if (members.gated > 0)
    return held("WaitingForMembers", fmt::format("{} of {} pods of group {} have scheduling gates",
                                                 members.gated, size, first->group));
  return std::move(*first);
}

/// A gang of Kubernetes' own kind: `minCount` pods together, further ones as they come. Leaves in `members`
/// those that are placed now.
std::variant<PodTerms, HeldUnit> read_pod_group(const ClusterCache& cache, Members& members) {
  const api::Pod& first = *members.waiting.front();
  auto terms = read_terms(first);
  if (!terms) return held("InvalidGroup", terms.error().message);
  const std::string& name = first.spec.pod_group;
  const auto group = cache.pod_groups() ? cache.pod_groups()(first.meta.ns + "/" + name) : nullptr;
  if (!group)
    return held("PodGroupNotFound",
                fmt::format("there is no PodGroup {} in namespace {}", name, first.meta.ns),
                bit(ClusterEvent::kPodGroupChanged));
  const auto wanted = static_cast<size_t>(std::max(group->min_count, 1));
  const size_t ready = members.placed.size() + members.waiting.size();
  if (ready < wanted)
    return held("WaitingForMembers",
                fmt::format("waiting for {} of {} pods of PodGroup {}", wanted - ready, wanted, name),
                bit(ClusterEvent::kPodGroupChanged));
  const size_t now = wanted > members.placed.size() ? wanted - members.placed.size() : 1;
  members.waiting.resize(std::min(now, members.waiting.size()));
  terms->group = name;
  if (group->topology_key.empty()) return std::move(*terms);
  for (const auto& level : cache.state().topology_levels()) {
    if (std::ranges::find(level.labels, group->topology_key) == level.labels.end()) continue;
    terms->topology = {.mode = engine::TopologyRequest::Mode::kRequired, .level = level.name};
    return std::move(*terms);
  }
  return held(
      "InvalidGroup",
      fmt::format("PodGroup {} asks for one domain of label {}, which no topology level of the default "
                  "SchedulingPolicy names: add a level with this label",
                  name, group->topology_key),
      bit(ClusterEvent::kPolicyChanged) | bit(ClusterEvent::kPodGroupChanged));
}

/// By the group annotation, or by schedulingGroup where the cluster serves PodGroups.
std::variant<PodTerms, HeldUnit> read_group(const ClusterCache& cache, Members& members) {
  const api::Pod& first = *members.waiting.front();
  const bool own = !first.meta.annotation(annotation::kGroup).empty();
  return own || first.spec.pod_group.empty() ? agree(members) : read_pod_group(cache, members);
}

/// Puts the pod into the part of its class.
std::optional<HeldUnit> add_member(ClusterCache& cache, const PodRef& pod, const DeviceWishes& wishes,
                                   ReadyUnit& out) {
  if (!pod->spec.resource_claims.empty())
    return held(
        "UnsupportedResourceClaims",
        fmt::format("pod {} has resourceClaims: dynamic resource allocation is not supported yet, ask for "
                    "devices by resource name",
                    pod->meta.name));
  auto needs = volume_needs(*pod, cache.storage());
  if (!needs)
    return held("VolumeNotReady", needs.error().message,
                bit(ClusterEvent::kStorageChanged) | bit(ClusterEvent::kCapacityFreed));
  if (!needs->wait_for_consumer.empty()) out.claims[pod->meta.uid] = needs->wait_for_consumer;
  const auto id = cache.class_of(*pod, wishes, std::move(*needs));
  if (!id)
    return held("InvalidPod", fmt::format("pod {}: {}: change this, no node takes the pod as it is",
                                          pod->meta.name, id.error().message));
  if (cache.state().pod_class(*id).looks_at_other_pods())
    out.helps |= bit(ClusterEvent::kPodPlaced) | bit(ClusterEvent::kNamespaceChanged);
  auto part = std::ranges::find(out.demand.parts, *id, &engine::DemandPart::pod_class);
  if (part == out.demand.parts.end()) {
    out.demand.parts.push_back({.pod_class = *id, .count = 0});
    part = std::prev(out.demand.parts.end());
  }
  ++part->count;
  part->members.push_back({.uid = pod->meta.uid, .name = pod->meta.key()});
  return std::nullopt;
}

}  // namespace

Unit read_unit(ClusterCache& cache, const std::string& unit) {
  Members members = collect(cache, unit);
  if (members.waiting.empty()) {
    if (members.gated == 0) return SettledUnit{};
    HeldUnit gated = held("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates");
    gated.quiet = true;
    return gated;
  }
  auto agreed = read_group(cache, members);
  if (auto* problem = std::get_if<HeldUnit>(&agreed)) return std::move(*problem);
  const PodTerms& terms = std::get<PodTerms>(agreed);

  const api::Pod& first = *members.waiting.front();
  ReadyUnit out{.policy = terms.policy, .helps = kRoom};
  out.demand.name = first.meta.ns + "/" + (terms.group.empty() ? first.meta.name : terms.group);
  out.demand.topology = terms.topology;
  out.demand.spread = terms.spread;
  if (!terms.spread.level.empty()) out.demand.spread_key = spread_key(first);
  out.demand.may_preempt = false;
  const QueueRank rank = rank_unit(cache, unit);
  out.demand.priority = rank.priority;
  out.demand.arrival = rank.arrival.time_since_epoch().count();
  for (const PodRef& pod : members.waiting) {
    const auto own = read_terms(*pod);
    if (auto problem = add_member(cache, pod, own ? own->wishes : DeviceWishes{}, out))
      return std::move(*problem);
  }
  for (const PodRecord* record : members.placed) {
    if (const auto node = cache.state().find_node(record->node)) out.demand.joined.push_back(*node);
  }
  return out;
}

QueueRank rank_unit(const ClusterCache& cache, const std::string& unit) {
  const Members members = collect(cache, unit);
  QueueRank out{.half_bound = !members.placed.empty()};
  bool first = true;
  for (const PodRef& pod : members.waiting) {
    out.priority = first ? pod->spec.priority : std::max(out.priority, pod->spec.priority);
    out.arrival = first ? pod->meta.created : std::min(out.arrival, pod->meta.created);
    first = false;
  }
  return out;
}

std::vector<PodRef> waiting_members(const ClusterCache& cache, std::string_view unit) {
  return collect(cache, unit).waiting;
}

}  // namespace stowage::scheduler
