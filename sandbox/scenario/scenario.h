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
};

struct Step {
  enum class Kind { kApply, kPatch, kDelete, kAddNodes, kLoseNode, kSpotNotice, kRestart, kWait, kExpect };
  Kind kind = Kind::kWait;
  int line = 0;
  std::vector<std::string> objects;  ///< kApply: JSON texts.
  ObjectName object;                 ///< kPatch, kDelete.
  std::string patch;                 ///< kPatch: JSON merge patch.
  NodeGroup nodes;                   ///< kAddNodes.
  std::string node;                  ///< kLoseNode, kSpotNotice; or
  std::string node_of;               ///< the node of this pod.
  std::string role;                  ///< kRestart: operator or scheduler.
  Millis span{0};                    ///< kWait; kSpotNotice: from notice to loss.
  Expectation expect;
};

/// Something that happens again and again, to nodes and at times drawn from the seed.
struct SeededFault {
  bool notice = false;  ///< A spot notice before the loss.
  std::string label, value;
  Millis every{0};  ///< Mean distance; drawn between half and one and a half of it.
  Millis span{0};   ///< From notice to loss.
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

}  // namespace stowage::sandbox
