#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "controllers/model_deployment/desired.h"
#include "controllers/model_deployment/made.h"
#include "controllers/model_deployment/observe.h"
#include "controllers/model_deployment/status.h"
#include "kube/client/client.h"
#include "kube/core/resource.h"
#include "kube/runtime/controller.h"
#include "kube/runtime/environment.h"
#include "kube/runtime/event_recorder.h"
#include "kube/runtime/expectations.h"

namespace stowage::model_deployment {

/// The kinds that this controller reads or writes.
namespace kinds {
extern const kube::Resource kModelDeployment;
extern const kube::Resource kModelRuntime;
extern const kube::Resource kSchedulingPolicy;
extern const kube::Resource kPod;
extern const kube::Resource kService;
extern const kube::Resource kRevision;
extern const kube::Resource kNode;
}  // namespace kinds

/// Makes the pods, Services and revisions of ModelDeployments what their specs ask for: observe -> decide ->
/// write. One reconcile a key at a time (the work queue sees to it); everything runs on the control thread.
class Reconciler {
 public:
  Reconciler(kube::Environment env, kube::Client& client, kube::EventRecorder& events, Stores stores);

  /// `key` is "ns/name". Errors are what the API server answered; the queue tries again with back-off.
  boost::asio::awaitable<Result<kube::Action>> reconcile(std::string key);

  // What the informers saw, so that a key is not planned on a cache that is older than its own writes.
  void pod_seen(const kube::Ref<PodFact>& old, const kube::Ref<PodFact>& now);
  void service_seen(const ServiceFact& service);
  void revision_seen(const RevisionFact& revision);
  /// The status that the cache got is the one that this process wrote or read last: it needs no look.
  [[nodiscard]] bool knows(const api::ModelDeployment& seen) const;

 private:
  struct Known {
    std::string uid;
    std::string resource_version;
    api::ModelDeploymentStatus status;
  };
  /// One reconcile on its way.
  struct Pass;

  void add_made(Pass& pass);
  kube::Async<void> find_lost_nodes(Pass& pass);
  kube::Async<void> ensure_revision(Pass& pass);
  void note_drift(Pass& pass, const RevisionFact& known);
  kube::Async<void> create_revision(Pass& pass, std::string data);
  kube::Async<bool> create_revision_as(Pass& pass, std::string name, const std::string& data);
  kube::Async<void> prune_revisions(Pass& pass);
  kube::Async<void> ensure_services(Pass& pass);
  kube::Async<void> ensure_service(Pass& pass, DesiredService desired);
  kube::Async<void> write_status(Pass& pass);
  kube::Async<void> read_status(const Pass& pass, Error conflict);
  kube::Async<void> delete_pods(Pass& pass);
  kube::Async<void> create_pods(Pass& pass);
  kube::Async<void> create_pod(Pass& pass, PodCreate create, std::string data);
  kube::Async<void> create_failed(Pass& pass, Error error);
  void plan(Pass& pass);
  void tell(const Pass& pass);
  void tell_creates(const Pass& pass);
  void event(const Pass& pass, std::string type, std::string reason, std::string message);
  void find_status(Pass& pass);

  kube::Environment env_;
  kube::Client& client_;
  kube::EventRecorder& events_;
  Stores stores_;
  kube::Expectations expectations_;  ///< Of pods.
  Made<ServiceFact> services_;
  Made<RevisionFact> revisions_;
  /// Status as last written, or read after a conflict, until the cache has caught up with it.
  std::map<std::string, Known> known_;
  /// What this process knows of the attempts of a deployment: World::taken and World::made.
  struct Attempts {
    std::string uid;
    std::set<std::pair<int32_t, int32_t>> taken;
    std::map<int32_t, int32_t> made;
  };
  /// Those of this object, not of an earlier namesake, with what the cache shows now.
  Attempts& attempts_of(const Pass& pass);
  std::map<std::string, Attempts> attempts_;
  /// Since when groups are in Plan::waiting, by deployment.
  std::map<std::string, std::map<std::pair<int32_t, int32_t>, MonoTime>> waiting_since_;
  /// When each status was written last: figures alone are not written at every change.
  std::map<std::string, MonoTime> written_at_;
  /// Whether the pods of a deployment's revision differ from what its runtime says now.
  struct Drift {
    std::string of;  ///< Versions of everything that the answer follows from.
    bool drifted = false;
  };
  std::map<std::string, Drift> drift_;
  size_t creating_ = 0;  ///< Pods that are being created now, of all deployments.
  /// Why the API server refused a pod, by deployment: told in conditions until one is accepted.
  std::map<std::string, Issue> refused_;
};

}  // namespace stowage::model_deployment
