#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "gpu-scheduler/translate.h"
#include "test/sim/checker.h"

// I1-I4: what may be seen of pods at any moment.
namespace stowage::sim {
namespace {

int64_t size_of(const api::Pod& pod) {
  const std::string& text = pod.meta.annotation("stowage.dev/group-size");
  int64_t size = 1;
  std::from_chars(text.data(), text.data() + text.size(), size);
  return size;
}

bool ours(const api::Pod& pod) {
  return pod.spec.scheduler_name == "stowage";
}

/// Its workload ended by itself: not a kubelet's refusal, not an eviction.
bool failed_by_itself(const api::Pod& pod) {
  return pod.status.phase == "Failed" && pod.status.reason.empty() &&
         std::ranges::any_of(pod.status.containers, [](const auto& c) { return c.exit_code != 0; });
}

std::string describe(const api::Pod& pod, bool gone) {
  return fmt::format("pod {} {} on {} {}{}{}{} {}", pod.meta.key(), pod.meta.uid.substr(0, 8),
                     pod.spec.node_name.empty() ? "-" : pod.spec.node_name, pod.status.phase,
                     pod.status.reason.empty() ? "" : "/" + pod.status.reason, pod.ready() ? " ready" : "",
                     pod.terminating() ? " terminating" : "", gone ? "GONE" : "");
}

}  // namespace

void Checker::on_pod(const Change& change) {
  auto decoded = api::decode_pod(change.json);
  if (!decoded) {
    report("I6", "a stored pod cannot be read: " + decoded.error().message);
    return;
  }
  const std::string uid = decoded->meta.uid;
  const auto known = pods_.find(uid);
  std::optional<api::Pod> before;
  if (known != pods_.end()) before = known->second;
  if (!decoded->meta.annotation("stowage.dev/group").empty()) gangs_changed_ = true;
  pods_changed_ = true;
  if (trace_on_) trace(change.now, "    " + describe(*decoded, change.type == kube::WatchType::kDeleted));
  if (change.type == kube::WatchType::kDeleted) {
    if (before) {
      pods_.erase(uid);
      pod_parts_.erase(uid);
      ready_since_.erase(uid);
      bound_by_others_.erase(uid);
      bound_at_.erase(uid);
      on_quiet_pod(*before, &*before, change);
    }
    return;
  }
  Parts parts = read_parts(change.json);
  const api::Pod& pod = pods_[uid] = *std::move(decoded);
  if (change.writer != nullptr && before)
    check_parts(*change.writer, "pod " + pod.meta.key(), pod_parts_[uid], parts, &*before, &pod);
  pod_parts_[uid] = std::move(parts);
  if (pod.ready() && !(before && before->ready())) ready_since_[uid] = change.now;
  const std::string& node = pod.spec.node_name;
  const std::string previous = before ? before->spec.node_name : "";
  if (!previous.empty() && previous != node)
    report("I1", fmt::format("pod {} moved from {} to {}", pod.meta.key(), previous, node));
  if (!node.empty() && previous.empty()) {
    const bool own = ours(pod) && change.writer != nullptr && change.writer->role == "scheduler";
    if (!own) bound_by_others_.insert(uid);
    if (!own) bound_at_[uid] = change.now;
    if (own) check_room(node, change);
    if (own) own_binds_.push_back({.uid = uid, .who = change.writer->who, .at = change.now});
  }
  if (!before && !pod.meta.label("stowage.dev/deployment").empty()) check_surge(pod, change.now);
  if (before) on_quiet_pod(pod, &*before, change);
}

/// A pod that changed or went: was it the operator, and was it allowed to?
void Checker::on_quiet_pod(const api::Pod& pod, const api::Pod* before, const Change& change) {
  Target* target = target_of(pod);
  if (target == nullptr) return;
  if (failed_by_itself(pod) && !failed_by_itself(*before)) check_budget(pod);
  // A kubelet's refusal or an eviction of one member is no failure of the workload, whatever the others do.
  if (pod.status.phase == "Failed" && before->status.phase != "Failed" && !failed_by_itself(pod))
    excuse(*target, pod);
  const bool there = pods_.contains(pod.meta.uid);
  const bool operators = change.writer != nullptr && change.writer->role == "operator";
  if (!operators && ((pod.terminating() && !before->terminating()) || !there)) excuse(*target, pod);
  const bool was_ready = before->ready() && !before->terminating();
  const bool is_ready = there && pod.ready() && !pod.terminating();
  if (!was_ready || is_ready) return;
  if (operators) {
    check_retired(*before, change);
  } else {
    target->disturbed = change.now;
  }
}

Checker::Target* Checker::target_of(const api::Pod& pod) {
  const auto* owner = pod.meta.controller();
  const auto it = targets_.find(pod.meta.ns + "/" + pod.meta.label("stowage.dev/deployment"));
  if (it == targets_.end() || owner == nullptr || owner->uid != it->second.uid) return nullptr;
  return &it->second;
}

std::set<std::string> Checker::ready_replicas(const std::string& ns, const Target& target) const {
  std::map<std::string, int64_t> ready;
  std::map<std::string, int64_t> size;
  for (const auto& [uid, pod] : pods_) {
    const auto* owner = pod.meta.controller();
    if (pod.meta.ns != ns || owner == nullptr || owner->uid != target.uid) continue;
    if (!pod.ready() || pod.terminating() || pod.terminal() || !nodes_.contains(pod.spec.node_name)) continue;
    const std::string group =
        pod.meta.label("stowage.dev/replica") + "/" + pod.meta.label("stowage.dev/attempt");
    ++ready[group];
    size[group] = size_of(pod);
  }
  std::set<std::string> out;
  for (const auto& [group, count] : ready) {
    if (count >= size[group]) out.insert(group.substr(0, group.find('/')));
  }
  return out;
}

/// Its group was whole and Ready but for what the operator itself takes away. A member on a node that is gone
/// serves nobody, whatever its status says.
bool Checker::served(const api::Pod& gone) const {
  const std::string& group = gone.meta.annotation("stowage.dev/group");
  if (group.empty()) return true;
  int64_t others = 0;
  for (const auto& [uid, pod] : pods_) {
    if (uid == gone.meta.uid || pod.meta.ns != gone.meta.ns ||
        pod.meta.annotation("stowage.dev/group") != group)
      continue;
    if (pod.ready() && !pod.terminating() && !pod.terminal() && nodes_.contains(pod.spec.node_name)) ++others;
  }
  // The first pod that goes tells.
  return others + 1 >= size_of(gone);
}

/// The operator took a Ready pod away: its replica was one of those that may be missing.
void Checker::check_retired(const api::Pod& gone, const Change& change) {
  const Target& target = *target_of(gone);
  const MonoTime now = change.now;
  if (!served(gone) || !nodes_.contains(gone.spec.node_name)) return;
  if (sent_at(change) - target.disturbed <= patience_.unseen) return;
  // It may not have known that this one serves by now.
  const auto ready_since = ready_since_.find(gone.meta.uid);
  if (ready_since != ready_since_.end() && sent_at(change) - ready_since->second <= patience_.unseen) return;
  const bool recent = now - target.changed <= patience_.target_change;
  const int64_t wanted = recent ? target.lowest : target.replicas;
  const auto ready = ready_replicas(gone.meta.ns, target);
  if (ready.contains(gone.meta.label("stowage.dev/replica"))) return;  // another attempt of it serves
  const int64_t least = wanted - target.unavailable;
  if (static_cast<int64_t>(ready.size()) >= least) return;
  report("I4", fmt::format("{} is taken away while only {} other replicas are Ready; target {}, may miss {}",
                           gone.meta.key(), ready.size(), wanted, target.unavailable));
}

/// What came from outside explains what failed inside: this attempt spends no budget.
void Checker::excuse(Target& target, const api::Pod& hit) {
  const std::string& replica = hit.meta.label("stowage.dev/replica");
  const std::string& attempt = hit.meta.label("stowage.dev/attempt");
  target.excused.insert(replica + "/" + attempt);
  target.own_failures[replica].erase(attempt);
}

/// I10: restarts for the workload's own failures are counted, by whomever leads.
void Checker::check_budget(const api::Pod& failed) {
  Target& target = *target_of(failed);
  if (clocks_jumped_) return;       // the window of the budget is wall time
  if (size_of(failed) < 2) return;  // the kubelet restarts single pods
  const std::string& replica = failed.meta.label("stowage.dev/replica");
  const std::string& attempt = failed.meta.label("stowage.dev/attempt");
  if (target.excused.contains(replica + "/" + attempt)) return;
  auto& attempts = target.own_failures[replica];
  // A gang that was never whole (its operator died while it made it, or a node went away under a member) and
  // runs all the same (somebody else has bound what there was) fails for what is missing, not by itself.
  const std::string& group = failed.meta.annotation("stowage.dev/group");
  const auto members = std::ranges::count_if(pods_, [&](const auto& entry) {
    const api::Pod& pod = entry.second;
    return pod.meta.ns == failed.meta.ns && pod.meta.annotation("stowage.dev/group") == group &&
           (pod.spec.node_name.empty() || nodes_.contains(pod.spec.node_name));
  });
  if (members < size_of(failed) && !attempts.contains(attempt)) return;
  attempts.insert(attempt);
  if (static_cast<int64_t>(attempts.size()) > target.budget + 1)
    report("I10", fmt::format("replica of {} failed {} times, its budget is {} restarts", failed.meta.key(),
                              attempts.size(), target.budget));
}

/// When the process sent what changes something now.
MonoTime Checker::sent_at(const Change& change) const {
  if (change.writer == nullptr) return change.now;
  const auto it = flights_.find(change.writer->who + " " + change.writer->request.target);
  return it == flights_.end() ? change.now : it->second.at;
}

/// What others have bound counts as soon as the sender could know of it.
void Checker::check_room(const std::string& node, const Change& change) {
  const auto it = nodes_.find(node);
  if (it == nodes_.end()) return;  // bound to a node that has just gone: the operator replaces it
  const auto changed = node_changed_.find(node);
  if (changed != node_changed_.end() && sent_at(change) - changed->second <= patience_.unseen) return;
  const auto flight = flights_.find(change.writer->who + " " + change.writer->request.target);
  const auto too_late = [&](const std::string& uid) {
    if (!bound_by_others_.contains(uid) || flight == flights_.end()) return false;
    const auto at = bound_at_.find(uid);
    return flight->second.unknown.contains(uid) || (at != bound_at_.end() && at->second >= flight->second.at);
  };
  std::map<std::string, __int128> used;
  for (const auto& [uid, pod] : pods_) {
    if (pod.spec.node_name != node || pod.terminal() || too_late(uid)) continue;
    const auto requests = scheduler::effective_requests(pod.spec);
    used["cpu"] += requests.cpu_milli;
    used["memory"] += requests.memory_bytes;
    used["pods"] += 1;
    for (const auto& [name, amount] : requests.extended)
      used[name] += amount;
  }
  for (const auto& [name, amount] : used) {
    const auto room = it->second.allocatable.find(name);
    const int64_t allocatable = room == it->second.allocatable.end() ? 0 : room->second;
    if (amount > allocatable)
      report("I2",
             fmt::format("node {} holds {} {} of {}", node, static_cast<int64_t>(amount), name, allocatable));
  }
}

void Checker::check_surge(const api::Pod& created, MonoTime now) {
  Target* target = target_of(created);
  if (target == nullptr) return;  // deleted meanwhile: I5 at rest
  if (now - target->changed > patience_.target_change) target->highest = 0;
  const int64_t limit = std::max(target->highest, target->replicas + target->surge);
  std::set<std::string> replicas;
  for (const auto& [uid, pod] : pods_) {
    if (pod.meta.ns != created.meta.ns || pod.terminal() || pod.terminating()) continue;
    const auto* owner = pod.meta.controller();
    if (owner == nullptr || owner->uid != target->uid) continue;
    replicas.insert(pod.meta.label("stowage.dev/replica"));
  }
  if (static_cast<int64_t>(replicas.size()) > limit)
    report("I4", fmt::format("{}: {} replicas, target and surge allow {}", created.meta.key(),
                             replicas.size(), limit));
}

void Checker::tick(MonoTime now, WallTime wall) {
  look(now, wall);
  check_lacking(now);
  if (gangs_changed_ || !partial_since_.empty()) check_gangs(now);
}

/// I11: an assumed placement is kept until the cache confirms it, whatever became of the bind's answer.
void Checker::check_kept(MonoTime now, const Forgot& forgot) {
  std::erase_if(own_binds_, [&](const OwnBind& bind) {
    const auto pod = pods_.find(bind.uid);
    if (pod == pods_.end() || pod->second.terminal() || now - bind.at > patience_.unseen) return true;
    if (!forgot(bind.who, bind.uid)) return false;
    report("I11",
           fmt::format("{} does not count pod {}, which it has bound", bind.who, pod->second.meta.key()));
    return true;
  });
}

/// I4: whatever room there is, each wanted replica has pods, but for the moment in which it is replaced.
void Checker::check_lacking(MonoTime now) {
  if (std::exchange(pods_changed_, false)) {
    std::map<std::string, std::set<std::string>> replicas;
    for (const auto& [uid, pod] : pods_) {
      const auto* owner = pod.meta.controller();
      if (owner != nullptr && !pod.terminating())
        replicas[owner->uid].insert(pod.meta.label("stowage.dev/replica"));
    }
    for (auto& [key, target] : targets_) {
      const bool enough = static_cast<int64_t>(replicas[target.uid].size()) >= target.replicas;
      target.lacking = enough ? MonoTime{} : target.lacking == MonoTime{} ? now : target.lacking;
    }
  }
  for (auto& [key, target] : targets_) {
    const std::string_view ns = std::string_view(key).substr(0, key.find('/'));
    if (target.lacking == MonoTime{} || closing_.contains(ns)) continue;
    const auto opened = opened_.find(ns);
    const MonoTime since = std::max(
        {target.lacking, target.changed, unled_, opened == opened_.end() ? MonoTime{} : opened->second});
    if (now - since <= patience_.partial_gang + patience_.network) continue;
    report("I4", fmt::format("{} lacks the pods of a replica for {} ms", key,
                             std::chrono::duration_cast<Millis>(now - since).count()));
    target.lacking = now;
  }
}

/// I3: a Required domain is kept by what the scheduler binds.
void Checker::check_domain(const std::string& gang) {
  std::set<std::string> domains;
  for (const auto& [uid, pod] : pods_) {
    if (pod.terminal() || pod.terminating() ||
        pod.meta.ns + "/" + pod.meta.annotation("stowage.dev/group") != gang)
      continue;
    if (pod.meta.annotation("stowage.dev/topology-required").empty() || bound_by_others_.contains(uid))
      return;
    const auto node = nodes_.find(pod.spec.node_name);
    if (node == nodes_.end()) return;
    domains.insert(node->second.meta.label("network.topology.nvidia.com/leaf"));
  }
  if (domains.size() > 1) report("I3", fmt::format("gang {} spans {} racks", gang, domains.size()));
}

void Checker::check_gangs(MonoTime now) {
  const bool changed = std::exchange(gangs_changed_, false);
  struct Gang {
    int64_t size = 0, bound = 0, live = 0;
  };
  std::map<std::string, Gang> gangs;
  for (const auto& [uid, pod] : pods_) {
    const std::string& group = pod.meta.annotation("stowage.dev/group");
    if (group.empty() || pod.terminal() || pod.terminating() || !ours(pod)) continue;
    // What a deployment that is gone has left is the collector's, however long that takes.
    if (pod.meta.controller() != nullptr && target_of(pod) == nullptr) continue;
    Gang& gang = gangs[pod.meta.ns + "/" + group];
    gang.size = size_of(pod);
    ++gang.live;
    gang.bound += pod.spec.node_name.empty() ? 0 : 1;
  }
  std::erase_if(partial_since_, [&](const auto& entry) { return !gangs.contains(entry.first); });
  for (const auto& [name, gang] : gangs) {
    // One that lost a member is no gang any more: it waits to be replaced.
    if (changed && gang.size > 1 && gang.bound == gang.size) check_domain(name);
    if (gang.bound == 0 || gang.bound >= gang.size || gang.live < gang.size) {
      partial_since_.erase(name);
      continue;
    }
    MonoTime& since = partial_since_.try_emplace(name, now).first->second;
    if (now - std::max(since, unled_) <= patience_.partial_gang + patience_.network) continue;
    report("I3", fmt::format("gang {} has been half bound ({}/{}) for {} ms", name, gang.bound, gang.size,
                             std::chrono::duration_cast<Millis>(now - since).count()));
    since = now;
  }
}

}  // namespace stowage::sim
