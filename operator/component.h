#pragma once

#include <memory>

#include "base/result.h"
#include "kube/runtime/process.h"

namespace stowage::operator_process {

/// The operator's part of the process: caches, the controllers, the catalogue.
///
/// Configuration keys: `workers` (deployments reconciled at once, 1 to 64, default 8), `catalogue` (keep the
/// default runtimes and the default policy in the cluster, default true).
Result<std::unique_ptr<kube::Component>> make_operator(kube::ComponentContext context);

}  // namespace stowage::operator_process
