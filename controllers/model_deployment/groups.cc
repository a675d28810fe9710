#include "controllers/model_deployment/groups.h"

#include <algorithm>
#include <utility>

namespace stowage::model_deployment {
namespace {

/// Somebody else's pods may have any number in their names; beyond this one they are in nobody's way.
constexpr int32_t kMostForeignAttempt = 1'000'000;

}  // namespace

bool Group::ready() const {
  return missing.empty() && !has_terminating && std::ranges::all_of(pods, [](const Member* m) {
           return m->fact.ready && m->fact.end == PodEnd::kNone;
         });
}

bool Group::placed() const {
  return missing.empty() && std::ranges::all_of(pods, [](const Member* m) { return !m->fact.node.empty(); });
}

bool Group::half_bound() const {
  const auto bound = std::ranges::count_if(pods, [](const Member* each) { return !each->fact.node.empty(); });
  return bound > 0 && bound < std::ssize(pods);
}

GroupEnd Group::end() const {
  // What came from outside explains what followed inside: a lost node makes the other ranks fail.
  GroupEnd end = GroupEnd::kNone;
  bool bound = false;
  for (const Member* member : pods) {
    if (member->node_gone) return GroupEnd::kNodeGone;
    if (member->fact.end == PodEnd::kDisrupted) return GroupEnd::kDisrupted;
    if (member->fact.end == PodEnd::kRejected) end = GroupEnd::kRejected;
    if (member->fact.end == PodEnd::kOwn && end == GroupEnd::kNone) end = GroupEnd::kOwnFailure;
    bound = bound || !member->fact.node.empty();
  }
  if (has_terminating) return GroupEnd::kMemberGone;
  // A group that was never bound was interrupted while it was being made: its missing pods can still be made.
  if (!missing.empty() && bound) return GroupEnd::kMemberGone;
  return end;
}

Grouped group_members(const World& world) {
  Grouped out;
  std::map<std::pair<int32_t, int32_t>, Group> groups;
  for (const Member& member : world.members) {
    const PodFact& fact = member.fact;
    const auto* owner = fact.meta.controller();
    const bool ours = owner != nullptr && owner->uid == world.owner_uid;
    if (!fact.is_member()) {
      if (ours && !fact.meta.deleted) out.strays.push_back(&member);
      continue;
    }
    if (!ours && fact.attempt > kMostForeignAttempt) continue;
    auto [last, fresh] = out.last_attempt.try_emplace(fact.replica, fact.attempt);
    last->second = std::max(last->second, fact.attempt);
    if (!ours) continue;
    Group& group = groups[{fact.replica, fact.attempt}];
    group.replica = fact.replica;
    group.attempt = fact.attempt;
    if (fact.meta.deleted) {
      group.has_terminating = true;
    } else {
      group.pods.push_back(&member);
    }
  }
  for (auto& [key, group] : groups) {
    if (group.pods.empty()) continue;  // All terminating: it only holds names.
    std::ranges::sort(group.pods, {}, [](const Member* m) { return m->fact.rank; });
    const PodFact& first = group.pods.front()->fact;
    group.revision = first.revision;
    // The pod's annotation is but a copy, which anybody may change who may annotate pods.
    const auto known = world.group_sizes.find(group.revision);
    group.size = known == world.group_sizes.end() ? std::max(1, first.group_size) : known->second;
    group.created = first.meta.created;
    for (const Member* member : group.pods)
      group.created = std::min(group.created, member->fact.meta.created);
    for (int32_t rank = 0; rank < group.size; ++rank) {
      if (std::ranges::none_of(group.pods, [&](const Member* m) { return m->fact.rank == rank; })) {
        group.missing.push_back(rank);
      }
    }
    out.by_replica[key.first].push_back(std::move(group));
  }
  return out;
}

}  // namespace stowage::model_deployment
