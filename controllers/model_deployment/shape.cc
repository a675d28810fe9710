#include "controllers/model_deployment/shape.h"

#include <fmt/format.h>

namespace stowage::model_deployment {
namespace {

// Servers with more than eight accelerators behind one kubelet are rare, and users of those say perNode.
constexpr int32_t kUsualDevicesPerNode = 8;
/// Of one replica; the largest served today have a tenth of it. The CustomResourceDefinition says the same.
constexpr int64_t kMostDevices = 2'048;

int32_t choose_per_node(const api::Parallelism& parallelism, int32_t world) {
  if (world <= kUsualDevicesPerNode) return world;
  for (int32_t devices = kUsualDevicesPerNode; devices > 1; --devices) {
    const bool keeps_tensor_whole = devices % parallelism.tensor == 0 || parallelism.tensor % devices == 0;
    if (world % devices == 0 && keeps_tensor_whole) return devices;
  }
  return 1;
}

void select(Shape& shape, std::string field, int32_t value, std::string reason) {
  shape.selected.push_back({std::move(field), fmt::format("{}", value), std::move(reason)});
}

}  // namespace

Result<Shape> derive_shape(const api::ModelDeploymentSpec& spec) {
  Shape out;
  const auto& demand = spec.accelerator;
  if (!spec.parallelism) {
    out.per_node = demand.per_node.value_or(1);
    out.nodes = demand.nodes_per_replica.value_or(1);
    if (int64_t{out.per_node} * out.nodes > kMostDevices) {
      return fail(Code::kInvalidArgument,
                  fmt::format("perNode {} x nodesPerReplica {} are {} devices in one replica; 1 to {} are "
                              "possible",
                              out.per_node, out.nodes, int64_t{out.per_node} * out.nodes, kMostDevices));
    }
    out.parallelism.tensor = out.per_node;
    out.parallelism.pipeline = out.nodes;
    if (out.per_node > 1) {
      select(out, "parallelism.tensor", out.per_node, "one tensor-parallel set over the devices of a node");
    }
    if (out.nodes > 1) {
      select(out, "parallelism.pipeline", out.nodes, "one pipeline stage a node");
    }
    if (!demand.per_node) select(out, "accelerator.perNode", 1, "no parallelism was asked for");
    return out;
  }
  out.parallelism = *spec.parallelism;
  const auto& p = out.parallelism;
  const int64_t wide = int64_t{p.tensor} * p.pipeline * p.data;
  if (wide < 1 || wide > kMostDevices) {
    return fail(Code::kInvalidArgument,
                fmt::format("parallelism asks for {} devices in one replica; 1 to {} are possible", wide,
                            kMostDevices));
  }
  const auto world = static_cast<int32_t>(wide);
  out.per_node = demand.per_node            ? *demand.per_node
                 : demand.nodes_per_replica ? world / std::max(1, *demand.nodes_per_replica)
                                            : choose_per_node(p, world);
  out.nodes = demand.nodes_per_replica.value_or(out.per_node > 0 ? world / out.per_node : 0);
  if (out.per_node < 1 || out.nodes < 1 || int64_t{out.per_node} * out.nodes != world) {
    return fail(
        Code::kInvalidArgument,
        fmt::format("parallelism needs tensor {} x pipeline {} x data {} = {} devices, which perNode and "
                    "nodesPerReplica do not divide evenly: change one of them or leave them out",
                    p.tensor, p.pipeline, p.data, world));
  }
  if (!demand.per_node) {
    select(out, "accelerator.perNode", out.per_node,
           fmt::format("{} devices of one replica over nodes of at most {}", world, kUsualDevicesPerNode));
  }
  if (!demand.nodes_per_replica) {
    select(out, "accelerator.nodesPerReplica", out.nodes,
           fmt::format("{} devices, {} on each node", world, out.per_node));
  }
  return out;
}

std::string describe_accelerator(const api::AcceleratorDemand& demand, const Shape& shape) {
  const std::string& what = demand.products.empty() ? demand.resource : demand.products.front();
  if (shape.nodes == 1) return fmt::format("{} {}", shape.per_node, what);
  return fmt::format("{}x{} {}", shape.nodes, shape.per_node, what);
}

}  // namespace stowage::model_deployment
