#pragma once

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
#include "sandbox/apiserver/server.h"
#include "sandbox/apiserver/watch.h"

namespace stowage::sim {

struct Violation {
  std::string invariant;  ///< "I3".
  std::string what;
};

/// How long a state that is wrong for ever may last.
struct Patience {
  Millis partial_gang{10'000};  ///< I3, while a leader exists; a takeover adds the lease.
  Millis takeover{8'000};
  Millis foreign_visible{15'000};  ///< I2: a foreign bind may be unknown to us for this long.
  Millis target_change{60'000};    ///< I4: the operator may still follow the previous target.
};

/// Looks at the API server after every write, from outside, and knows what must never be seen
/// (reliability.md, I1-I13). Reads by its own watches, so it sees every version of every object.
class Checker {
 public:
  Checker(sandbox::Server& server, Patience patience);

  /// After each request that was applied. `who` is "operator-0", "scheduler-1" or "user".
  void after_write(const std::string& who, const kube::HttpRequest& request, int status, MonoTime now,
                   WallTime wall);
  /// At each step of time, for what may not last.
  void tick(MonoTime now, WallTime wall);
  /// When everything has come to rest: orphans, half-done gangs, targets.
  void at_rest(WallTime wall);
  /// From now on any write but a lease renewal is a violation of I8.
  void expect_silence(bool on) { silence_ = on; }

  [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
  [[nodiscard]] size_t writes() const { return writes_; }
  [[nodiscard]] const std::map<std::string, api::Pod>& pods() const { return pods_; }

 private:
  struct Target {
    int64_t replicas = 0, surge = 0;
    std::string uid;
    int64_t highest = 0;  ///< Of the last `target_change`.
    MonoTime lowered_at = {};
  };
  void look(MonoTime now, WallTime wall);
  void on_pod(const std::string& type, const std::string& json, MonoTime now);
  void on_node(const std::string& type, const std::string& json);
  void on_deployment(const std::string& type, const std::string& json, MonoTime now);
  void check_room(const std::string& node, MonoTime now);
  void check_surge(const api::Pod& created, MonoTime now);
  void check_delete(const std::string& who, const kube::HttpRequest& request);
  void report(const char* invariant, std::string what);

  sandbox::Server& server_;
  Patience patience_;
  std::unique_ptr<sandbox::Watch> pod_watch_, node_watch_, deployment_watch_;
  std::map<std::string, api::Pod> pods_;           ///< By UID.
  std::map<std::string, api::Node> nodes_;         ///< By name.
  std::map<std::string, Target> targets_;          ///< By namespace/name.
  std::map<std::string, MonoTime> foreign_bind_;   ///< Node -> last bind that was not ours.
  std::map<std::string, MonoTime> partial_since_;  ///< Group -> since when.
  std::set<std::string> bound_;
  std::vector<Violation> violations_;
  bool silence_ = false;
  size_t writes_ = 0;
};

}  // namespace stowage::sim
