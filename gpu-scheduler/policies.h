#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "gpu-scheduler/engine/policy.h"
#include "gpu-scheduler/engine/topology.h"
#include "gpu-scheduler/objects.h"

namespace stowage::scheduler {

/// One SchedulingPolicy as it is in force.
struct ActivePolicy {
  engine::Policy policy;
  Millis gang_timeout{600'000};  ///< Default: kube-scheduler's bindTimeoutSeconds.
  std::string hash;              ///< Of the configuration that was read, 16 hexadecimal digits.
  std::string problem;  ///< Empty, or why the object's configuration is not in force (the defaults are).
};

/// All policies by name. Pods name one; "default" exists always. Pure values.
class Policies {
 public:
  using PolicyRef = std::shared_ptr<const PolicyObject>;
  Policies() : Policies(std::vector<PolicyRef>{}) {}
  explicit Policies(const std::vector<PolicyRef>& objects);

  /// Null when there is no policy of this name.
  [[nodiscard]] const ActivePolicy* find(std::string_view name) const;
  /// Levels of "default" (the built-in ones when it has none that can be used), then those that only other
  /// policies name, as far as they do not contradict them; a policy that does has a `problem`.
  [[nodiscard]] const std::vector<engine::TopologyLevel>& levels() const { return levels_; }
  [[nodiscard]] const std::map<std::string, ActivePolicy, std::less<>>& all() const { return active_; }

 private:
  void add_levels(const PolicyObject& object);

  std::map<std::string, ActivePolicy, std::less<>> active_;
  std::vector<engine::TopologyLevel> levels_;
};

}  // namespace stowage::scheduler
