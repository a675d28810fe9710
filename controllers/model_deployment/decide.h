#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/stowage/v1alpha1/model_deployment.h"
#include "base/clock.h"
#include "controllers/model_deployment/facts.h"

/// What to do about the pods of one ModelDeployment: values in, values out. The same world gives the same
/// plan; ties are broken by replica number.
namespace stowage::model_deployment {

/// A pod as decide sees it.
struct Member {
  PodFact fact;
  bool node_gone = false;  ///< It is bound to a node that no longer exists.
};

/// Everything a plan depends on.
struct World {
  WallTime now = {};
  int32_t target = 0;  ///< Wanted replicas; 0 while suspended.
  api::RolloutLimits limits;
  std::string revision;  ///< The one to roll out; empty = none could be made, nothing is replaced or added.
  std::map<std::string, int32_t> group_sizes;  ///< Pods of a replica, by revision that is known.
  std::string owner_uid;
  std::vector<Member> members;                ///< All pods with the deployment's label, other owners' too.
  std::vector<api::ReplicaAttempt> attempts;  ///< status.attempts.
  /// (replica, attempt) of pods whose names somebody else holds: these attempts cannot be made.
  std::set<std::pair<int32_t, int32_t>> taken;
  /// Replica -> its highest attempt that had a pod, as far as this process knows: also of pods that somebody
  /// took away whole between two looks.
  std::map<int32_t, int32_t> made;
  /// For how long a group (replica, attempt) has been in Plan::waiting, as this process saw it: its wall
  /// clock may be behind the API server's, or its own of a moment ago, by more than the pause.
  std::map<std::pair<int32_t, int32_t>, Millis> waited;
};

/// Why a group goes.
enum class GroupEnd {
  kNone,
  kObsolete,    ///< A newer attempt replaces it, or it is surplus to the target.
  kOutdated,    ///< Rolled to the new revision.
  kOwnFailure,  ///< A pod failed by itself: spends the restart budget.
  kDisrupted,   ///< Evicted or preempted.
  kRejected,    ///< Refused by the kubelet.
  kNodeGone,    ///< Its node no longer exists.
  kMemberGone,  ///< A pod was deleted by somebody.
  kNameTaken,   ///< The name of a pod that it still needs is held by somebody else.
  kHalfBound,   ///< Some of its pods are bound and the others found no room for too long.
  kRelabelled,  ///< One pod: ours, but its labels do not say any more which member it is.
};

/// One replica as it is after the plan: for counts and conditions.
struct ReplicaView {
  int32_t replica = 0;
  int32_t attempt = 0;
  std::string revision;
  bool exists = false;  ///< Has pods now that stay.
  bool ready = false;
  bool placed = false;
  bool spent = false;    ///< Failed, and its restart budget is spent.
  bool single = false;   ///< One pod, whose container the kubelet restarts.
  bool waiting = false;  ///< Failed, and waits for its back-off.
  int32_t restarts = 0;
  WallTime since = {};  ///< When its pods were made; epoch for those still to be made.
  std::string problem;  ///< Of its first pod that has one.
  std::string problem_reason;
};

struct PodDelete {
  std::string name;
  std::string uid;
  int32_t replica = 0;  ///< -1 where it is not known (kRelabelled).
  GroupEnd why = GroupEnd::kNone;
};

struct PodCreate {
  int32_t replica = 0;
  int32_t attempt = 0;
  int32_t rank = 0;
  int32_t group_size = 1;
  std::string revision;
};

struct Plan {
  /// To be durable before the first delete.
  std::vector<api::ReplicaAttempt> attempts;
  std::vector<PodDelete> deletes;  ///< Before the creates.
  std::vector<PodCreate> creates;
  std::vector<ReplicaView> replicas;  ///< By replica number.
  /// The rollout is past its progress deadline: nothing more is replaced by its revision.
  bool overdue = false;
  std::set<std::pair<int32_t, int32_t>> waiting;  ///< Groups that are half bound, or failed and are held.
  /// When to look again although nothing changes.
  std::optional<Millis> again;
};

/// Guarantees, whatever the world: replicas that exist never exceed target + maxSurge after the plan; ready
/// ones are taken away only while target - maxUnavailable others are ready (or they are surplus); each
/// attempt number is used once; applying the plan to the world again and again, with pods becoming ready,
/// ends at `target` ready replicas of `revision`.
Plan decide(const World& world);

/// Wait before the next attempt after `restarts` failures in a row, counted from the attempt's begin: 0, 10
/// s, 20 s, ... at most 5 min.
Millis restart_delay(int32_t restarts);

}  // namespace stowage::model_deployment
