#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta.h"
#include "base/result.h"
#include "gpu-scheduler/engine/policy.h"
#include "gpu-scheduler/engine/topology.h"

/// What the scheduler reads of Stowage's own kinds.
namespace stowage::scheduler {

struct PolicyObject {
  api::ObjectMeta meta;
  engine::PolicyConfig config;
  std::string gang_timeout;                   ///< As written; empty: the default.
  std::vector<engine::TopologyLevel> levels;  ///< Empty: the built-in ones.
  std::string status;                         ///< `status` as JSON text; empty when there is none.
};

struct PoolObject {
  api::ObjectMeta meta;
  std::string type;  ///< Reserved, OnDemand, Spot.
  api::StringMap node_selector;
  /// Price of a device-hour in millionths by product; "" or "*" = any product.
  std::map<std::string, int64_t, std::less<>> price_micro;
  std::string status;  ///< `status` as JSON text; empty when there is none.
};

struct DeploymentObject {
  api::ObjectMeta meta;
  std::string placement;  ///< `status.placement` as JSON text; empty when there is none.
};

/// Of scheduling.k8s.io/v1beta1 PodGroup, where the cluster serves it.
struct PodGroupObject {
  api::ObjectMeta meta;
  int32_t min_count = 0;     ///< schedulingPolicy.gang.minCount; 0: basic, every pod for itself.
  std::string topology_key;  ///< Label whose value all members must share; empty: none.
};

/// One JSON object each. Errors: kMalformed, naming the path.
Result<PolicyObject> decode_policy(std::string_view json);
Result<PoolObject> decode_pool(std::string_view json);
Result<DeploymentObject> decode_deployment(std::string_view json);
Result<PodGroupObject> decode_pod_group(std::string_view json);

/// "2.49" -> 2490000. Errors: kInvalidArgument.
Result<int64_t> parse_price_micro(std::string_view text);

}  // namespace stowage::scheduler
