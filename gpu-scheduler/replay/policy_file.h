#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/policy.h"
#include "gpu-scheduler/engine/topology.h"

namespace stowage::kube {
struct YamlNode;
}

namespace stowage::replay {

/// A SchedulingPolicy as the scheduler would have it in force.
struct PolicyFile {
  std::string name;  ///< metadata.name
  engine::Policy policy;
  std::vector<engine::TopologyLevel> levels;  ///< The policy's, or the built-in ones.
  std::string hash;                           ///< status.configHash of the object in a cluster.
};

/// The object that one would `kubectl apply`: apiVersion, kind, metadata.name and spec; `status` and further
/// metadata, as `kubectl get -o yaml` prints them, are skipped. Strict: a key that is not known, comes twice
/// or has the wrong type, and a value that the scheduler would not put in force, are errors. What the keys
/// mean is decided by the scheduler's own code (gpu-scheduler/policies.h). `file` stands in messages. Errors:
/// kInvalidArgument, "file:line:column: sentence".
Result<PolicyFile> read_policy(std::string_view text, const std::string& file);

/// The same of a spec alone, as a mapping inside another file.
Result<PolicyFile> read_policy_spec(const kube::YamlNode& spec, std::string name, const std::string& file);

/// Reads the file first. Errors also: kNotFound for one that cannot be read.
Result<PolicyFile> load_policy(const std::string& path);

}  // namespace stowage::replay
