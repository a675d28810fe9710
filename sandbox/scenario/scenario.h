#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sandbox/world/kubelets.h"

namespace stowage::sandbox {

struct NodeGroup {
  int line = 0;  ///< In the file.
  std::string profile;
  int64_t count = 0;
  int64_t first = 0;  ///< Number of the first node in the profile.
};

struct ObjectName {
  std::string kind = "ModelDeployment", ns = "default", name;
};

/// What must hold, at once or within a span. Absent numbers are not looked at.
struct Expectation {
  Millis within{0};
  std::optional<ObjectName> object;  ///< With a condition, or absent.
  bool absent = false;
  std::string type, status, reason, message;  ///< Of a condition; `message` is a part of it.
  std::string pods_of;                        ///< ModelDeployment whose live pods are counted.
  std::optional<int64_t> count, bound, ready, nodes;
  std::vector<std::pair<std::string, int64_t>> domains;  ///< Node label -> number of different values.
  /// A series of engines' metrics: of one pod, or summed over the running pods of rank 0 of a
  /// ModelDeployment.
  std::string series, pod, model;
  std::optional<double> at_least, at_most;
  std::string log;  ///< A part of what `pod` has logged.
};

struct Step {
  enum class Kind {
    kApply,
    kPatch,
    kDelete,
    kAddNodes,
    kLoseNode,
    kSpotNotice,
    kNodeNotReady,
    kNodeReady,
    kTraffic,
    kRestart,
    kWait,
    kExpect
  };
  Kind kind = Kind::kWait;
  int line = 0;
  std::vector<std::string> objects;  ///< kApply: JSON texts.
  ObjectName object;                 ///< kPatch, kDelete, kTraffic.
  std::string patch;                 ///< kPatch: JSON merge patch.
  NodeGroup nodes;                   ///< kAddNodes.
  std::string node;                  ///< kLoseNode, kSpotNotice, kNodeNotReady, kNodeReady; or
  std::string node_of;               ///< the node of this pod.
  std::string role;                  ///< kRestart: operator or scheduler.
  Millis span{0};   ///< kWait; kSpotNotice: from notice to loss; kNodeNotReady: until it is back, 0 = never.
  Millis grace{0};  ///< kSpotNotice: how long before the loss the node shuts down.
  std::string traffic;  ///< kTraffic: requests a second, as the annotation says it.
  Expectation expect;
};

/// Something that happens again and again, to nodes and at times drawn from the seed.
struct SeededFault {
  enum class Kind { kLoss, kNotice, kNotReady };
  Kind kind = Kind::kLoss;
  std::string label, value;
  Millis every{0};  ///< Mean distance; drawn between half and one and a half of it.
  Millis span{0};   ///< From notice to loss; how long it is not ready.
  Millis grace{0};  ///< How long before the loss the node shuts down.
};

struct Scenario {
  std::string file;
  std::vector<NodeGroup> nodes;
  KubeletTimes times;
  std::vector<SeededFault> faults;
  std::vector<Step> steps;
};

/// Reads a scenario file (docs/sandbox.md), strictly; files that it names are relative to it.
/// Error: kInvalidArgument, "file:line: what is wrong".
Result<Scenario> read_scenario(const std::string& path);
/// The same of a text that was read from `path`.
Result<Scenario> parse_scenario(std::string_view text, const std::string& path);

}  // namespace stowage::sandbox
