#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Labels, annotations and names that tie children to their ModelDeployment.
namespace stowage::model_deployment {

inline constexpr std::string_view kDeploymentLabel = "stowage.dev/deployment";
inline constexpr std::string_view kReplicaLabel = "stowage.dev/replica";
inline constexpr std::string_view kAttemptLabel = "stowage.dev/attempt";
inline constexpr std::string_view kRankLabel = "stowage.dev/rank";
inline constexpr std::string_view kRevisionLabel = "stowage.dev/revision";
inline constexpr std::string_view kRoleLabel = "stowage.dev/role";

inline constexpr std::string_view kGroupAnnotation = "stowage.dev/group";
inline constexpr std::string_view kGroupSizeAnnotation = "stowage.dev/group-size";
inline constexpr std::string_view kTopologyRequiredAnnotation = "stowage.dev/topology-required";
inline constexpr std::string_view kTopologyPreferredAnnotation = "stowage.dev/topology-preferred";
inline constexpr std::string_view kSpreadAnnotation = "stowage.dev/spread";
inline constexpr std::string_view kProductsAnnotation = "stowage.dev/products";
inline constexpr std::string_view kDeviceMemoryAnnotation = "stowage.dev/device-memory";
inline constexpr std::string_view kTiersAnnotation = "stowage.dev/tiers";
inline constexpr std::string_view kModelAnnotation = "stowage.dev/model";
inline constexpr std::string_view kPolicyAnnotation = "stowage.dev/scheduling-policy";

inline constexpr std::string_view kFieldManager = "stowage-operator";
inline constexpr std::string_view kEngineContainer = "engine";

/// "<deployment>-<replica>-<attempt>": the group's value, and the prefix of its pods' names. Deployment names
/// end where the last numbers begin, so two deployments never make the same name.
std::string group_name(std::string_view deployment, int32_t replica, int32_t attempt);
std::string pod_name(std::string_view deployment, int32_t replica, int32_t attempt, int32_t rank);
/// The headless Service through which the members of a group find each other.
std::string members_service(std::string_view deployment);
/// Selects one pod of each replica: the leader.
std::string scale_selector(std::string_view deployment);
/// Name of the ControllerRevision of `key`: a hash; `salt` > 0 after a collision.
std::string revision_name(std::string_view deployment, std::string_view key, int salt);

}  // namespace stowage::model_deployment
