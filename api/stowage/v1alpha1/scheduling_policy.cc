#include "api/stowage/v1alpha1/scheduling_policy.h"

#include "api/stowage/v1alpha1/decode_object.h"

namespace stowage::api {
namespace {

void read(JsonValue value, TopologyLevel& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "name") read(field, out.name);
    if (key == "labels") read(field, out.labels);
  });
}

void read(JsonValue value, SchedulingPolicySpec& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "strategy") read(field, out.strategy);
    if (key == "topologyLevels") {
      field.array([&](JsonValue item) { read(item, out.topology_levels.emplace_back()); });
    }
  });
}

}  // namespace

Result<SchedulingPolicy> decode_scheduling_policy(std::string_view json) {
  SchedulingPolicy out;
  TRY_VOID(read_meta_and_spec(json, out.meta, [&out](JsonValue field) { read(field, out.spec); }));
  return out;
}

const std::vector<TopologyLevel>& default_topology_levels() {
  // The same table as crds/catalogue/schedulingpolicy.yaml. AWS counts its layers from the top, Topograph 1.0
  // from the node.
  static const std::vector<TopologyLevel> kLevels = {
      {"region", {"topology.kubernetes.io/region"}},
      {"zone", {"topology.kubernetes.io/zone"}},
      {"block",
       {"network.topology.nvidia.com/spine", "topology.k8s.aws/network-node-layer-2",
        "cloud.google.com/gce-topology-block", "fabric.topograph.run/tier-1"}},
      {"rack",
       {"network.topology.nvidia.com/leaf", "topology.k8s.aws/network-node-layer-3",
        "cloud.google.com/gce-topology-subblock", "fabric.topograph.run/tier-0"}},
      {"nvlink",
       {"nvidia.com/gpu.clique", "network.topology.nvidia.com/accelerator", "topology.k8s.aws/ultraserver-id",
        "accelerator.topograph.run/domain"}},
      {"host", {"kubernetes.io/hostname"}},
  };
  return kLevels;
}

}  // namespace stowage::api
