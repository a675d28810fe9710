#include "controllers/model_deployment/decide.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "controllers/model_deployment/groups.h"

namespace stowage::model_deployment {
namespace {

using std::chrono::seconds;

// A replica on its way through the plan.
struct Slot {
  int32_t replica = 0;
  Group* group = nullptr;  ///< Pods that stay; null = to be made.
  std::string revision;    ///< Of the group, or of the one to be made.
  bool ready = false;
  bool held = false;  ///< Failed, and kept: back-off or budget spent.
  bool spent = false;
  int32_t restarts = 0;
  std::optional<api::ReplicaAttempt> note = {};  ///< To be recorded of the group as it is.
  bool removed = false;

  [[nodiscard]] bool is(const std::string& wanted) const { return revision == wanted; }
};

/// Higher numbers in a status were not written by us, and leave no room to count on from.
constexpr int32_t kMostRecorded = 500'000'000;

class Planner {
 public:
  explicit Planner(const World& world) : world_(world), grouped_(group_members(world)) {
    for (const auto& entry : world.attempts) {
      if (entry.replica >= 0 && entry.attempt >= 0 && entry.attempt <= kMostRecorded)
        recorded_[entry.replica] = entry;
    }
  }

  Plan run() {
    find_slots();
    plan_.overdue = overdue();
    if (!world_.revision.empty() || world_.target == 0) {
      replace_unready();
      remove_surplus();
      add_missing();
      add_surge();
      retire_ready();
      add_surge();
    } else {
      remove_surplus();
    }
    emit();
    return std::move(plan_);
  }

 private:
  void find_slots();
  void examine(Slot& slot, Group& group);
  void after_own_failure(Slot& slot, Group& group);
  void judge_container(Slot& slot, const Group& group);
  void undo_half_bound(Slot& slot, Group& group);
  Millis note_waiting(const Group& group);
  bool held_for(Slot& slot, const Group& group, WallTime since, Millis pause);
  void replace_unready();
  void remove_surplus();
  void add_missing();
  void add_surge();
  void retire_ready();
  void emit();
  void emit_slot(const Slot& slot);

  [[nodiscard]] bool overdue() const;
  [[nodiscard]] bool rolling() const {
    return std::ranges::any_of(slots_, [&](const Slot& s) { return !s.removed && !s.is(world_.revision); });
  }
  template <class Predicate>
  int32_t count_if(Predicate predicate) const {
    return static_cast<int32_t>(
        std::ranges::count_if(slots_, [&](const Slot& s) { return !s.removed && predicate(s); }));
  }
  [[nodiscard]] int32_t count() const {
    return count_if([](const Slot&) { return true; });
  }
  [[nodiscard]] int32_t updated() const {
    return count_if([&](const Slot& s) { return s.is(world_.revision); });
  }
  [[nodiscard]] int32_t ready() const {
    return count_if([](const Slot& s) { return s.ready; });
  }
  void drop(Group& group, GroupEnd why) {
    for (const Member* member : group.pods) {
      plan_.deletes.push_back({.name = member->fact.meta.name,
                               .uid = member->fact.meta.uid,
                               .replica = group.replica,
                               .why = why});
    }
  }
  /// The group goes, another of `revision` takes its place under the same replica number.
  void replace(Slot& slot, const std::string& revision, GroupEnd why) {
    drop(*slot.group, why);
    slot.restarts = slot.is(revision) ? slot.restarts : 0;
    slot.group = nullptr;
    slot.ready = slot.held = slot.spent = false;
    slot.note.reset();
    slot.revision = revision;
  }
  void remove(Slot& slot) {
    if (slot.group != nullptr) drop(*slot.group, GroupEnd::kObsolete);
    slot.removed = true;
  }
  void add() {
    int32_t replica = 0;
    while (std::ranges::any_of(slots_, [&](const Slot& s) { return !s.removed && s.replica == replica; }))
      ++replica;
    slots_.push_back({.replica = replica, .revision = world_.revision});
  }
  /// A number that no pod of the replica ever had while its name is still held.
  [[nodiscard]] int32_t next_attempt(int32_t replica) const {
    const auto recorded = recorded_.find(replica);
    const auto last = grouped_.last_attempt.find(replica);
    const auto made = world_.made.find(replica);
    const int32_t used = std::max(last == grouped_.last_attempt.end() ? -1 : last->second,
                                  made == world_.made.end() ? -1 : made->second);
    // A recorded number that no pod had yet is the attempt that was promised and not made.
    const bool promised = recorded != recorded_.end() && recorded->second.attempt > used;
    int32_t next = promised ? recorded->second.attempt : used + 1;
    while (world_.taken.contains({replica, next}))
      ++next;
    return next;
  }
  [[nodiscard]] bool taken(const Group& group) const {
    return !group.missing.empty() && world_.taken.contains({group.replica, group.attempt});
  }
  /// Its own, unless that is no longer known.
  [[nodiscard]] const std::string& repair_revision(const Group& group) const {
    return world_.group_sizes.contains(group.revision) ? group.revision : world_.revision;
  }
  /// 0 = the revision is not known: its pods cannot be made.
  [[nodiscard]] int32_t size_of(const std::string& revision) const {
    const auto it = world_.group_sizes.find(revision);
    return it == world_.group_sizes.end() ? 0 : it->second;
  }
  void look_again(Millis wait) {
    wait = std::max(wait, Millis{1});
    if (!plan_.again || wait < *plan_.again) plan_.again = wait;
  }
  [[nodiscard]] Millis age(WallTime since) const {
    return std::max(Millis{0}, std::chrono::duration_cast<Millis>(world_.now - since));
  }

  const World& world_;
  Grouped grouped_;
  std::map<int32_t, api::ReplicaAttempt> recorded_;
  std::vector<Slot> slots_;
  Plan plan_;
};

// The highest attempt is the replica; lower ones, and those below what was recorded, were given up.
void Planner::find_slots() {
  for (const Member* stray : grouped_.strays)
    plan_.deletes.push_back({stray->fact.meta.name, stray->fact.meta.uid, -1, GroupEnd::kRelabelled});
  for (auto& [replica, groups] : grouped_.by_replica) {
    const auto recorded = recorded_.find(replica);
    const int32_t least = recorded == recorded_.end() ? 0 : recorded->second.attempt;
    Slot slot{.replica = replica, .revision = world_.revision};
    if (recorded != recorded_.end()) slot.restarts = recorded->second.restarts;
    for (size_t i = 0; i + 1 < groups.size(); ++i)
      drop(groups[i], GroupEnd::kObsolete);
    Group& last = groups.back();
    if (last.attempt < least && last.end() != GroupEnd::kNone) {
      // A restart that was recorded and then interrupted; what made it necessary is already counted. A group
      // that runs well although it was to be replaced is judged anew: it may be needed by now.
      drop(last, GroupEnd::kObsolete);
      slot.revision = repair_revision(last);
    } else {
      slot.group = &last;
      slot.revision = last.revision;
      slot.ready = last.ready();
      examine(slot, last);
    }
    slots_.push_back(std::move(slot));
  }
  for (const auto& [replica, entry] : recorded_) {
    if (grouped_.by_replica.contains(replica)) continue;
    slots_.push_back({.replica = replica, .revision = world_.revision, .restarts = entry.restarts});
  }
  std::ranges::sort(slots_, {}, &Slot::replica);
}

void Planner::examine(Slot& slot, Group& group) {
  GroupEnd end = group.end();
  if (end == GroupEnd::kNone && taken(group)) end = GroupEnd::kNameTaken;
  if (end == GroupEnd::kNone) {
    judge_container(slot, group);
    return undo_half_bound(slot, group);
  }
  slot.ready = false;
  if (end == GroupEnd::kOwnFailure) return after_own_failure(slot, group);
  // A kubelet that refuses everything must not be fed a pod a millisecond.
  constexpr Millis kRejectedPause{2'000};
  if (end == GroupEnd::kRejected && held_for(slot, group, group.created, kRejectedPause)) return;
  replace(slot, repair_revision(group), end);
}

// Somebody else took the room, or bound a member elsewhere: the rest would hold its devices for ever. The
// scheduler finishes what can be finished well within the pause; a gang must not stay partial for 10 s.
void Planner::undo_half_bound(Slot& slot, Group& group) {
  constexpr Millis kHalfBoundPause{7'000};
  if (!group.half_bound()) return;
  const Millis waited = note_waiting(group);
  if (waited < kHalfBoundPause) return look_again(kHalfBoundPause - waited);
  replace(slot, repair_revision(group), GroupEnd::kHalfBound);
}

Millis Planner::note_waiting(const Group& group) {
  const std::pair key(group.replica, group.attempt);
  plan_.waiting.insert(key);
  const auto seen = world_.waited.find(key);
  return seen == world_.waited.end() ? Millis{0} : seen->second;
}

// Counted from `since`; where the wall clock fell back behind it, from when the failure was first seen.
bool Planner::held_for(Slot& slot, const Group& group, WallTime since, Millis pause) {
  const Millis waited = std::max(age(since), note_waiting(group));
  if (waited >= pause) return false;
  slot.held = true;
  look_again(pause - waited);
  return true;
}

void Planner::after_own_failure(Slot& slot, Group& group) {
  const auto recorded = recorded_.find(slot.replica);
  const WallTime since = recorded != recorded_.end() && recorded->second.attempt == group.attempt
                             ? recorded->second.since
                             : group.created;
  if (age(since) >= world_.limits.budget_window) slot.restarts = 0;
  if (slot.restarts >= world_.limits.budget_restarts) {
    slot.held = slot.spent = true;
    return;
  }
  if (held_for(slot, group, since, restart_delay(slot.restarts))) return;
  const int32_t restarts = slot.restarts + 1;
  replace(slot, repair_revision(group), GroupEnd::kOwnFailure);
  slot.restarts = restarts;
}

// A pod alone is restarted by its kubelet, with a back-off of its own, and never for ever in silence. What
// failed before a run as long as the window is forgiven; as the kubelet goes on counting, that is recorded.
void Planner::judge_container(Slot& slot, const Group& group) {
  const PodFact& fact = group.pods.front()->fact;
  if (group.size != 1 || fact.ready || fact.failures == 0) return;
  const auto recorded = recorded_.find(slot.replica);
  const bool known = recorded != recorded_.end() && recorded->second.attempt == group.attempt;
  int32_t forgiven = known ? recorded->second.forgiven : 0;
  if (fact.last_run >= world_.limits.budget_window && fact.failures - 1 > forgiven) {
    forgiven = fact.failures - 1;
    slot.note = known ? recorded->second
                      : api::ReplicaAttempt{slot.replica, group.attempt, slot.restarts, group.created};
    slot.note->forgiven = forgiven;
  }
  slot.spent = fact.failures - forgiven > world_.limits.budget_restarts;
}

bool Planner::overdue() const {
  if (!rolling()) return false;
  return std::ranges::any_of(slots_, [&](const Slot& s) {
    return s.group != nullptr && s.is(world_.revision) && !s.ready &&
           age(s.group->created) >= world_.limits.progress_deadline;
  });
}

// Old replicas that serve nobody go first, whatever maxUnavailable says. When the new revision does not come
// up, they are left (or repaired) as they are: replacing more would only take away what may come back.
void Planner::replace_unready() {
  if (plan_.overdue) return;
  for (Slot& slot : slots_) {
    if (slot.removed || slot.ready || slot.is(world_.revision)) continue;
    if (updated() >= world_.target) {
      remove(slot);
    } else if (slot.group != nullptr) {
      replace(slot, world_.revision, GroupEnd::kOutdated);
    } else {
      slot.revision = world_.revision;
      slot.restarts = 0;
    }
  }
}

void Planner::remove_surplus() {
  // Least useful first: what serves nobody before what does, old before new, high numbers before low.
  const auto rank = [&](const Slot& s) {
    return (s.ready ? 4 : 0) + (s.is(world_.revision) ? 2 : 0) + (s.group != nullptr ? 1 : 0);
  };
  while (count() > world_.target + (world_.target > 0 && rolling() ? world_.limits.max_surge : 0)) {
    Slot* worst = nullptr;
    for (Slot& slot : slots_) {
      if (!slot.removed && (worst == nullptr || rank(slot) <= rank(*worst))) worst = &slot;
    }
    remove(*worst);
  }
}

void Planner::add_missing() {
  while (count() < world_.target)
    add();
}

void Planner::add_surge() {
  if (!rolling() || plan_.overdue) return;
  while (count() < world_.target + world_.limits.max_surge && updated() < world_.target)
    add();
}

void Planner::retire_ready() {
  if (plan_.overdue) return;
  int32_t spare = ready() - (world_.target - world_.limits.max_unavailable);
  for (Slot& slot : slots_) {
    if (spare <= 0) return;
    if (slot.removed || !slot.ready || slot.is(world_.revision)) continue;
    if (count() > world_.target || updated() >= world_.target) {
      remove(slot);
    } else {
      replace(slot, world_.revision, GroupEnd::kOutdated);
    }
    --spare;
  }
}

void Planner::emit_slot(const Slot& slot) {
  const auto recorded = recorded_.find(slot.replica);
  ReplicaView view{.replica = slot.replica,
                   .revision = slot.revision,
                   .ready = slot.ready,
                   .spent = slot.spent,
                   .single = slot.group != nullptr && slot.group->size == 1,
                   .waiting = slot.held && !slot.spent,
                   .restarts = slot.restarts};
  if (slot.group != nullptr) {
    const Group& group = *slot.group;
    view.attempt = group.attempt;
    view.exists = true;
    view.placed = group.placed();
    view.since = group.created;
    for (const Member* member : group.pods) {
      if (!view.problem_reason.empty() || member->fact.ready) continue;
      view.problem = slot.spent && group.size == 1 ? member->fact.last_failure : member->fact.problem;
      view.problem_reason = member->fact.problem_reason;
    }
    if (group.end() == GroupEnd::kNone) {
      for (const int32_t rank : group.missing)
        plan_.creates.push_back({slot.replica, group.attempt, rank, group.size, group.revision});
    }
    // Kept while the attempt runs: its number must not fall, its failures must not be forgotten.
    if (slot.note) {
      plan_.attempts.push_back(*slot.note);
    } else if (recorded != recorded_.end()) {
      api::ReplicaAttempt entry = recorded->second;
      if (entry.attempt < group.attempt) entry = {slot.replica, group.attempt, slot.restarts, group.created};
      plan_.attempts.push_back(entry);
    }
  } else {
    view.attempt = next_attempt(slot.replica);
    const bool promised = recorded != recorded_.end() && recorded->second.attempt == view.attempt;
    if (promised) {
      plan_.attempts.push_back(recorded->second);
    } else if (recorded != recorded_.end() || grouped_.by_replica.contains(slot.replica) ||
               world_.made.contains(slot.replica) ||
               world_.taken.contains({slot.replica, view.attempt - 1})) {
      plan_.attempts.push_back(
          {slot.replica, view.attempt, slot.restarts, std::chrono::time_point_cast<seconds>(world_.now)});
    }
    const int32_t size = size_of(slot.revision);
    for (int32_t rank = 0; rank < size; ++rank)
      plan_.creates.push_back({slot.replica, view.attempt, rank, size, slot.revision});
  }
  plan_.replicas.push_back(std::move(view));
}

void Planner::emit() {
  std::ranges::sort(slots_, {}, [](const Slot& s) { return std::pair(s.replica, s.removed); });
  for (const Slot& slot : slots_) {
    if (!slot.removed) emit_slot(slot);
  }
  for (const Slot& slot : slots_) {
    const bool loading = !slot.removed && slot.group != nullptr && slot.is(world_.revision) && !slot.ready;
    if (loading && age(slot.group->created) < world_.limits.progress_deadline) {
      look_again(world_.limits.progress_deadline - age(slot.group->created));
    }
  }
}

}  // namespace

Millis restart_delay(int32_t restarts) {
  if (restarts <= 0) return Millis{0};
  constexpr int64_t kFirst = 10'000;
  constexpr int64_t kMost = 300'000;
  return Millis{std::min(kMost, kFirst << std::min(restarts - 1, 6))};
}

Plan decide(const World& world) {
  return Planner(world).run();
}

}  // namespace stowage::model_deployment
