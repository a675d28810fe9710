#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/stowage/v1alpha1/model_deployment.h"
#include "base/result.h"

namespace stowage::model_deployment {

/// How one replica lies on nodes.
struct Shape {
  int32_t nodes = 1;     ///< Pods.
  int32_t per_node = 1;  ///< Devices of each.
  api::Parallelism parallelism;
  std::vector<api::SelectedValue> selected;  ///< What was derived, and why.

  [[nodiscard]] int32_t world() const { return nodes * per_node; }
};

/// Fills in what the user left out. Where only parallelism is given: all on one node up to 8 devices, else
/// the largest count per node up to 8 that divides the replica and does not tear a tensor-parallel set apart.
/// Error (kInvalidArgument): counts that contradict each other, saying which to change.
Result<Shape> derive_shape(const api::ModelDeploymentSpec& spec);

/// "2x8 NVIDIA-H100-80GB-HBM3", or the resource where any product will do; the "2x" only for several nodes.
std::string describe_accelerator(const api::AcceleratorDemand& demand, const Shape& shape);

}  // namespace stowage::model_deployment
