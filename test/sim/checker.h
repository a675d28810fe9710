#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/core/node.h"
#include "api/core/pod.h"
#include "base/clock.h"
#include "kube/core/http.h"
#include "kube/core/watch_decoder.h"
#include "sandbox/apiserver/server.h"
#include "sandbox/apiserver/watch.h"

namespace stowage::sim {

struct Violation {
  std::string invariant;  ///< "I3".
  std::string what;
};

/// How long a state that is wrong for ever may last.
struct Patience {
  Millis partial_gang{
      10'000};             ///< I3, while both roles are led by processes that nothing keeps from working.
  Millis network{10'000};  ///< What a watch that freezes (8 s) and slow requests add to any limit.
  Millis unseen{15'000};   ///< A change by others may be unknown to a process for this long.
  Millis target_change{60'000};  ///< I4: the operator may still follow the previous target.
};

/// A write that a process sends.
struct Sent {
  const std::string& who;
  const std::string& role;
  const kube::HttpRequest& request;
  MonoTime now;    ///< Of the world.
  MonoTime local;  ///< On the process's own monotonic clock, as is the fence.
  MonoTime fence;
  const std::function<bool(const std::string& uid)>& knows;  ///< Its cache has this pod on a node.
};

/// One request that the server has answered.
struct Write {
  const std::string& who;  ///< "operator-0.1", "scheduler-1.0" or "user".
  std::string role = {};   ///< "operator", "scheduler" or empty.
  const kube::HttpRequest& request;
  int status = 0;
  MonoTime now = {};
  WallTime wall = {};
  bool late = false;  ///< A replay: its sender meant it long ago.
};

/// Raw texts of an object's parts by path ("spec", "metadata.labels", "status.placement"), to see what a
/// write changed. What the server itself maintains is left out.
using Parts = std::map<std::string, std::string, std::less<>>;

/// Looks at the API server after every write, from outside, and knows what must never be seen
/// (reliability.md, I1-I13). Reads by its own watches, so it sees every version of every object.
class Checker {
 public:
  Checker(sandbox::Server& server, Patience patience);

  /// A process sends a write that is not about its lease.
  void on_send(const Sent& sent);
  /// Somewhere a role is without a leader that works: what may not last is counted from here.
  void unled(MonoTime now) { unled_ = now; }
  [[nodiscard]] bool holds(const std::string& role, const std::string& who) const {
    const auto it = holders_.find(role);
    return it != holders_.end() && it->second == who;
  }
  void on_read(const std::string& who, const kube::HttpRequest& request, MonoTime now);
  /// After each request that was applied or refused.
  void after_write(const Write& write);
  /// Takes in what others (kubelets, the garbage collector) have changed.
  void catch_up(MonoTime now, WallTime wall) { look(now, wall); }
  /// At each step of time, for what may not last.
  void tick(MonoTime now, WallTime wall);
  /// A process that still leads no longer counts a pod.
  using Forgot = std::function<bool(const std::string& who, const std::string& uid)>;
  void check_kept(MonoTime now, const Forgot& forgot);
  /// When everything has come to rest: orphans, half-done gangs, targets.
  void at_rest(MonoTime now, WallTime wall);
  /// From now on any write but a lease renewal is a violation of I8.
  void expect_silence(bool on) { silence_ = on; }
  /// Text that left a process (a log, metrics): no secret may stand in it.
  void check_secrecy(const std::string& where, std::string_view text);
  void report(const char* invariant, std::string what);
  void clock_jumped() { clocks_jumped_ = true; }
  /// From now on every write and what became of every pod is written down, for people.
  void keep_trace() { trace_on_ = true; }
  void trace(MonoTime now, std::string line);
  using Traced = std::vector<std::pair<MonoTime, std::string>>;
  [[nodiscard]] const Traced& traced() const { return trace_; }

  /// What no process may ever tell.
  static constexpr std::string_view kSecret = "c2VjcmV0LWhmLXRva2Vu";
  [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
  [[nodiscard]] size_t writes() const { return writes_; }
  [[nodiscard]] const std::map<std::string, api::Pod>& pods() const { return pods_; }
  [[nodiscard]] const std::map<std::string, api::Node>& nodes() const { return nodes_; }
  /// Status of a condition of a deployment by name; empty when it is not there.
  [[nodiscard]] std::string condition(const std::string& key, const std::string& type) const;
  [[nodiscard]] bool has_deployment(const std::string& key) const { return targets_.contains(key); }
  [[nodiscard]] std::string conditions_text(const std::string& key) const;

 private:
  struct Target {
    std::string uid;
    int64_t replicas = 0, surge = 0, unavailable = 0, budget = 0;
    int64_t highest = 0;  ///< Of the last `target_change`.
    int64_t lowest = 0;   ///< The same.
    MonoTime changed = {};
    MonoTime disturbed = {};  ///< A replica was lost by something else than the operator.
    int64_t generation = 0;
    std::map<std::string, std::string> conditions;
    std::string conditions_text;
    Parts parts;
    std::map<std::string, std::set<std::string>> own_failures;  ///< Replica -> attempts that failed.
    MonoTime lacking = {};          ///< Since when fewer replicas than wanted have pods; epoch = they have.
    std::set<std::string> excused;  ///< Attempts ("replica/attempt") that something from outside hit.
  };
  struct Change {
    kube::WatchType type;
    std::string_view json;
    MonoTime now;
    const Write* writer;  ///< Null: not one of the processes.
  };

  void look(MonoTime now, WallTime wall, const Write* writer = nullptr);
  template <class Handler>
  void drain(std::unique_ptr<sandbox::Watch>& watch, const char* path, WallTime wall, Handler handler);
  void on_pod(const Change& change);
  void on_node(const Change& change);
  void on_namespace(const Change& change);
  void on_deployment(const Change& change);
  void on_quiet_pod(const api::Pod& pod, const api::Pod* before, const Change& change);
  void check_room(const std::string& node, const Change& change);
  void check_lacking(MonoTime now);
  void check_gangs(MonoTime now);
  void check_domain(const std::string& gang);
  void check_foreign_delete(const Write& write, const std::string& uid);
  void note_status(const Write& write);
  void check_surge(const api::Pod& created, MonoTime now);
  void check_delete(const Write& write);
  void check_bind(const Write& write);
  [[nodiscard]] bool served(const api::Pod& gone) const;
  void check_retired(const api::Pod& before, const Change& change);
  [[nodiscard]] MonoTime sent_at(const Change& change) const;
  void check_budget(const api::Pod& failed);
  void excuse(Target& target, const api::Pod& hit);
  void check_parts(const Write& write, const std::string& what, const Parts& before, const Parts& after,
                   const api::Pod* pod_before, const api::Pod* pod_after);
  void note_lease(const Write& write);
  void check_holder(const std::string& who, const std::string& role, const std::string& target,
                    const char* moment);
  void check_children(WallTime wall, const char* path);
  void check_placement(const std::string& key, const Target& target);
  [[nodiscard]] Target* target_of(const api::Pod& pod);
  /// Replica numbers of a deployment whose pods are all there and Ready.
  [[nodiscard]] std::set<std::string> ready_replicas(const std::string& ns, const Target& target) const;
  [[nodiscard]] bool replica_ready(const api::Pod& member) const;

  sandbox::Server& server_;
  Patience patience_;
  std::unique_ptr<sandbox::Watch> pod_watch_, node_watch_, deployment_watch_, namespace_watch_;
  std::map<std::string, api::Pod> pods_;         ///< By UID.
  std::map<std::string, Parts> pod_parts_;       ///< By UID.
  std::map<std::string, MonoTime> ready_since_;  ///< By UID.
  std::map<std::string, api::Node> nodes_;       ///< By name.
  std::map<std::string, Target> targets_;        ///< By namespace/name.
  std::set<std::string, std::less<>> closing_;   ///< Namespaces that are being deleted: nothing can be made.
  std::map<std::string, MonoTime, std::less<>> opened_;  ///< Those that were, until when.
  std::map<std::string, MonoTime> node_changed_;         ///< Node -> last foreign bind, shrinking or return.
  std::map<std::string, MonoTime> partial_since_;
  std::map<std::string, std::string> holders_;  ///< Role -> who holds its lease.
  std::map<std::string, MonoTime> holder_since_;
  std::set<std::string> bound_;
  std::set<std::string> bound_by_others_;     ///< UIDs.
  std::map<std::string, MonoTime> bound_at_;  ///< Of those.
  struct OwnBind {
    std::string uid, who;
    MonoTime at;
  };
  std::vector<OwnBind> own_binds_;  ///< By the scheduler, those of the last moments.
  struct Flight {
    MonoTime at;
    std::set<std::string> unknown;  ///< Of a bind: UIDs on its node that the sender did not know.
  };
  std::map<std::string, Flight> flights_;  ///< By sender and target, the last one.
  std::map<std::string, std::string>
      knows_;  ///< Sender and deployment -> its UID, as the sender last wrote it.
  MonoTime unled_ = {};
  std::vector<Violation> violations_;
  bool silence_ = false;
  bool clocks_jumped_ = false;
  bool trace_on_ = false;
  Traced trace_;
  bool gangs_changed_ = false;
  bool pods_changed_ = false;
  size_t writes_ = 0;
};

/// The parts of an object's text; what cannot be read has none.
Parts read_parts(std::string_view json);

}  // namespace stowage::sim
