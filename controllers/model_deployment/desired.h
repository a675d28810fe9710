#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/stowage/v1alpha1/model_deployment.h"
#include "api/stowage/v1alpha1/model_runtime.h"
#include "base/result.h"
#include "controllers/model_deployment/decide.h"
#include "controllers/model_deployment/facts.h"
#include "controllers/model_deployment/shape.h"

/// The children of a ModelDeployment as they should be: JSON texts, made from values alone.
namespace stowage::model_deployment {

/// Renders what a ControllerRevision keeps:
///   {"key", "nodes", "port", "runtime", "leader": pod template, "worker": pod template (several nodes only)}
/// Pods are later made from this text alone, so that neither an edited runtime nor a new operator changes
/// them. Errors: kUnsupported (source), kInvalidArgument (runtime, counts, podTemplate: message has the
/// path).
Result<std::string> render_revision(const api::ModelDeployment& deployment, const api::ModelRuntime& runtime,
                                    const Shape& shape);

/// Body of a POST of the revision.
std::string revision_object(const api::ModelDeployment& deployment, const std::string& name, int64_t number,
                            const std::string& data);

/// True when both make the same pods.
bool same_pods(std::string_view data, std::string_view other);

/// Body of a POST of one pod. Error (kMalformed): data that render_revision did not make.
Result<std::string> pod_object(const api::ModelDeployment& deployment, const PodCreate& create,
                               std::string_view data);

/// A Service as it should be, with what an informer would have read from it.
struct DesiredService {
  ServiceFact fact;
  std::string body;
};
/// Clients' Service: rank 0 of every ready replica, at the engine's port.
DesiredService serving_service(const api::ModelDeployment& deployment, int32_t port);
/// The headless Service of groups of several pods: finds members before they are ready.
DesiredService members_service_object(const api::ModelDeployment& deployment, int32_t port);
/// Merge patch that makes `actual` what `desired` is, selector keys that somebody added included. (An apply
/// would leave those: another field manager owns them.) The kind of Service, headless or not, cannot change.
std::string service_patch(const ServiceFact& actual, const DesiredService& desired);
/// True when the API server's object needs no write.
bool service_matches(const ServiceFact& actual, const ServiceFact& desired);

}  // namespace stowage::model_deployment
