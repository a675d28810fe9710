#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta.h"
#include "api/stowage/v1alpha1/model_deployment.h"
#include "base/result.h"

/// ModelRuntime of stowage.dev/v1alpha1; fields are described in crds/modelruntimes.yaml.
namespace stowage::api {

/// Command and arguments of the leader or of the workers; empty = those of the runtime.
struct RuntimeMember {
  std::vector<std::string> command;
  std::vector<std::string> args;
};

struct MultiNode {
  RuntimeMember leader;
  RuntimeMember worker;
  int32_t port = 6379;
};

struct ModelRuntimeSpec {
  std::string engine;
  std::string image;
  std::vector<std::string> command;
  std::vector<std::string> args;
  std::vector<std::string> expert_parallel_args;
  std::vector<std::string> data_parallel_args;
  std::optional<MultiNode> multi_node;  ///< Absent: replicas of one node only.
  std::vector<EnvVar> env;
  int32_t port = 8000;
  std::string probe_path = "/health";
  int32_t probe_period_seconds = 10;
  int32_t probe_startup_seconds = 3600;
  int32_t probe_failure_threshold = 3;
  int32_t drain_pre_stop_seconds = 5;
  int32_t drain_grace_seconds = 60;
  int64_t shared_memory_bytes = 0;      ///< Per device; 0 = the container's default.
  int64_t cpu_milli_per_device = 2000;  ///< Thousandths of a CPU.
  int64_t memory_bytes_per_device = int64_t{16} * 1024 * 1024 * 1024;
  int64_t run_as_user = 10001;
  int64_t fs_group = 10001;
  std::vector<std::string> add_capabilities;
};

struct ModelRuntime {
  ObjectMeta meta;
  ModelRuntimeSpec spec;
};

/// Annotation that makes a runtime serve where a ModelDeployment names none.
inline constexpr std::string_view kDefaultRuntimeAnnotation = "stowage.dev/default-runtime";

/// One JSON object. Errors: kMalformed, naming the path.
Result<ModelRuntime> decode_model_runtime(std::string_view json);

}  // namespace stowage::api
