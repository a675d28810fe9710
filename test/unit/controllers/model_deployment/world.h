#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "controllers/model_deployment/decide.h"
#include "controllers/model_deployment/names.h"

/// A small world for decide: pods as the API server would keep them, and a hand that carries plans out.
namespace stowage::model_deployment::test {

inline constexpr const char* kUid = "uid-owner";
inline const std::string kOld = "m-old";
inline const std::string kNew = "m-new";

struct Cluster {
  World world;
  int next_uid = 0;

  explicit Cluster(int32_t target, int32_t group_size = 1) {
    world.now = WallTime{std::chrono::hours(1'000'000)};
    world.target = target;
    world.revision = kNew;
    world.owner_uid = kUid;
    world.group_sizes = {{kOld, group_size}, {kNew, group_size}};
  }
  Cluster& limits(int32_t surge, int32_t unavailable) {
    world.limits.max_surge = surge;
    world.limits.max_unavailable = unavailable;
    return *this;
  }
  void pass(std::chrono::seconds time) { world.now += time; }

  /// One more pod, pending and unbound.
  Member& pod(int32_t replica, int32_t attempt, int32_t rank, int32_t size, const std::string& revision) {
    PodFact fact;
    fact.meta.name = pod_name("m", replica, attempt, rank);
    fact.meta.uid = "uid-" + std::to_string(next_uid++);
    fact.meta.created = std::chrono::time_point_cast<std::chrono::seconds>(world.now);
    fact.meta.owners.push_back({.uid = kUid, .controller = true});
    fact.deployment = "m";
    fact.revision = revision;
    fact.replica = replica;
    fact.attempt = attempt;
    fact.rank = rank;
    fact.group_size = size;
    world.members.push_back({.fact = fact});
    return world.members.back();
  }
  /// A whole ready group.
  Cluster& group(int32_t replica, const std::string& revision, int32_t attempt = 0) {
    const int32_t size = world.group_sizes.at(revision);
    for (int32_t rank = 0; rank < size; ++rank)
      make_ready(pod(replica, attempt, rank, size, revision));
    return *this;
  }
  static void make_ready(Member& member) {
    member.fact.node = "node-" + std::to_string(member.fact.replica);
    member.fact.running = member.fact.ready = true;
  }
  Member& at(int32_t replica, int32_t rank = 0) {
    for (Member& member : world.members) {
      if (member.fact.replica == replica && member.fact.rank == rank && !member.fact.meta.deleted)
        return member;
    }
    throw std::out_of_range("no such pod");
  }
  static void fail(Member& member, PodEnd end = PodEnd::kOwn) {
    member.fact.end = end;
    member.fact.ready = member.fact.running = false;
  }

  [[nodiscard]] Plan decide() const { return model_deployment::decide(world); }
  /// Carries a plan out as the reconciler does: attempts, then deletes, then creates.
  void carry_out(const Plan& plan) {
    world.attempts = plan.attempts;
    for (const auto& gone : plan.deletes) {
      for (Member& member : world.members) {
        if (member.fact.meta.uid == gone.uid) member.fact.meta.deleted = world.now;
      }
    }
    for (const auto& made : plan.creates)
      pod(made.replica, made.attempt, made.rank, made.group_size, made.revision);
  }
  void finish_terminating() {
    std::erase_if(world.members, [](const Member& m) { return m.fact.meta.deleted.has_value(); });
  }
  void all_ready() {
    for (Member& member : world.members) {
      if (!member.fact.meta.deleted && member.fact.end == PodEnd::kNone) make_ready(member);
    }
  }
  /// (replica, attempt) of every group with a live pod.
  [[nodiscard]] std::set<std::pair<int32_t, int32_t>> live() const {
    std::set<std::pair<int32_t, int32_t>> out;
    for (const Member& m : world.members) {
      if (!m.fact.meta.deleted) out.insert({m.fact.replica, m.fact.attempt});
    }
    return out;
  }
  [[nodiscard]] int32_t ready_groups() const {
    int32_t out = 0;
    for (const auto& [replica, attempt] : live()) {
      int32_t pods = 0;
      int32_t size = 0;
      for (const Member& m : world.members) {
        if (m.fact.replica != replica || m.fact.attempt != attempt || m.fact.meta.deleted) continue;
        pods += m.fact.ready && m.fact.end == PodEnd::kNone && !m.node_gone ? 1 : 0;
        size = m.fact.group_size;
      }
      out += pods == size ? 1 : 0;
    }
    return out;
  }
  [[nodiscard]] std::set<std::string> revisions() const {
    std::set<std::string> out;
    for (const Member& m : world.members) {
      if (!m.fact.meta.deleted) out.insert(m.fact.revision);
    }
    return out;
  }
};

}  // namespace stowage::model_deployment::test
