#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/meta.h"
#include "base/result.h"

/// SchedulingPolicy of stowage.dev/v1alpha1; fields are described in crds/schedulingpolicies.yaml.
namespace stowage::api {

struct TopologyLevel {
  std::string name;
  std::vector<std::string> labels;  ///< In order of preference: the first that a node has counts.
  bool operator==(const TopologyLevel&) const = default;
};

struct SchedulingPolicySpec {
  std::string strategy = "Packability";
  std::vector<TopologyLevel> topology_levels;  ///< From wide to tight; empty = default_topology_levels().
  bool operator==(const SchedulingPolicySpec&) const = default;
};

struct SchedulingPolicy {
  ObjectMeta meta;
  SchedulingPolicySpec spec;
};

/// One JSON object. Errors: kMalformed, naming the path.
Result<SchedulingPolicy> decode_scheduling_policy(std::string_view json);

/// The levels of a policy that names none: region, zone, block, rack, nvlink, host.
const std::vector<TopologyLevel>& default_topology_levels();

}  // namespace stowage::api
