#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/demand_model.h"

namespace stowage::replay {

/// One line of a node list: `sn, cpu_milli, memory_mib, gpu, model`.
struct TraceNode {
  std::string name;
  int64_t cpu_milli = 0;
  int64_t memory_mib = 0;
  int32_t gpus = 0;
  std::string model;
};

/// One line of a pod list: `name, cpu_milli, memory_mib, num_gpu, gpu_milli[, gpu_spec[, ..., creation_time,
/// deletion_time, scheduled_time]]`. Columns are found by the names in the header.
struct TracePod {
  std::string name;
  int64_t cpu_milli = 0;
  int64_t memory_mib = 0;
  int32_t gpus = 0;
  int32_t gpu_milli = 0;            ///< Of each GPU; 0 without GPUs.
  std::vector<std::string> models;  ///< Permitted GPU models, sorted; empty = any.
  int64_t creation_s = 0;
  int64_t deletion_s = -1;  ///< -1: the list has none.
  int64_t scheduled_s = -1;
  [[nodiscard]] int64_t gpu_demand() const { return int64_t{gpus} * gpu_milli; }
};

struct Trace {
  std::string name;                                   ///< "default" for openb_pod_list_default.csv.
  std::vector<TraceNode> nodes;                       ///< Sorted by name.
  std::vector<TracePod> pods;                         ///< Sorted by name.
  std::map<int64_t, std::vector<uint32_t>> order;     ///< Seed -> arrivals, indices into `pods`.
  std::map<int64_t, std::vector<uint32_t>> noderank;  ///< Seed -> rank of each node.
  [[nodiscard]] int64_t capacity_milli() const;
};

struct TraceFiles {
  std::string nodes, pods, order, noderank;  ///< Paths; order and noderank may be empty.
};

/// Errors: kNotFound, kInvalidArgument naming file and line.
Result<Trace> load_trace(const TraceFiles& files);

/// The trace's nodes as an empty cluster; ties by rank (empty: by name).
Result<engine::ClusterState> build_cluster(const Trace& trace, const std::vector<uint32_t>& rank);
/// The class of each pod of the trace.
Result<std::vector<engine::ClassId>> intern_pods(const Trace& trace, engine::ClusterState& state);

/// Typical pods as the paper defines them: groups of equal demand, most frequent first, until 95 % of the
/// pods are covered.
std::vector<engine::TypicalPod> typical_pods(const Trace& trace);

}  // namespace stowage::replay
