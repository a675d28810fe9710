#pragma once

#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "controllers/model_deployment/names.h"
#include "controllers/model_deployment/reconciler.h"
#include "test/support/scripted_transport.h"
#include "test/support/virtual_world.h"

/// The API server as the reconciler sees it: objects by path, names that can be taken, UIDs, versions; and
/// the caches that follow it at once.
namespace stowage::model_deployment::test {

using Json = nlohmann::json;

class FakeApi {
 public:
  explicit FakeApi(stowage::test::VirtualWorld& world) : world_(world), transport_(world.env()) {
    index(pods);
    index(services);
    index(revisions);
    transport_.on_call([this](const kube::HttpRequest& request) { return reply(request); });
    put_runtime();
  }

  [[nodiscard]] kube::Transport& transport() { return transport_; }
  [[nodiscard]] Stores stores() const {
    return {deployments, runtimes, policies, pods, services, revisions, nodes};
  }

  /// What was sent arrives once more.
  void replay(const kube::HttpRequest& request) { answer(request); }
  /// Creates or replaces the spec of deployment a/m.
  void deploy(const Json& spec) {
    Json& object = objects_[path("modeldeployments", "m")];
    const bool fresh = object.is_null();
    object["metadata"] = {{"name", "m"},
                          {"namespace", "a"},
                          {"uid", deployment_uid},
                          {"generation", fresh ? 1 : object["metadata"]["generation"].get<int>() + 1},
                          {"resourceVersion", std::to_string(++version_)}};
    object["spec"] = {{"model", {{"uri", "hf://a/b"}}}};
    object["spec"].update(spec);
    follow();
  }
  /// All pods of the deployment are bound and become ready; those being deleted go.
  void kubelets() {
    for (auto it = objects_.begin(); it != objects_.end();) {
      const bool pod = it->first.find("/pods/") != std::string::npos;
      if (pod && it->second["metadata"].contains("deletionTimestamp")) {
        it = objects_.erase(it);
        continue;
      }
      if (pod) {
        it->second["spec"]["nodeName"] = "node";
        it->second["status"] = {{"phase", "Running"},
                                {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}};
      }
      ++it;
    }
    add_node();
    follow();
  }
  void add_node() {
    auto node = std::make_shared<NodeFact>();
    node->meta.name = "node";
    nodes.put(node);
  }
  [[nodiscard]] std::vector<Json> all(const std::string& plural) const {
    std::vector<Json> out;
    for (const auto& [where, object] : objects_) {
      if (where.find("/" + plural + "/") != std::string::npos) out.push_back(object);
    }
    return out;
  }
  [[nodiscard]] Json& object(const std::string& plural, const std::string& name) {
    return objects_.at(path(plural, name));
  }
  void add(const std::string& plural, const std::string& name, Json object) {
    object["metadata"]["name"] = name;
    object["metadata"]["namespace"] = "a";
    objects_[path(plural, name)] = std::move(object);
    follow();
  }
  /// Somebody deletes the pod as soon as the next status is written.
  void delete_behind_status(std::string pod) { doomed_ = std::move(pod); }
  /// The caches stand still.
  void blind(bool on) { blind_ = on; }
  /// Those of Services and revisions.
  void deaf(bool on) {
    deaf_ = on;
    follow();
  }
  void take_away(const std::string& plural, const std::string& name) {
    objects_.erase(path(plural, name));
    follow();
  }
  [[nodiscard]] std::string ready_reason() {
    for (const auto& c : object("modeldeployments", "m")["status"]["conditions"]) {
      if (c["type"] == "Ready") return c["status"].get<std::string>() + " " + c["reason"].get<std::string>();
    }
    return "absent";
  }
  /// "POST pods", "APPLY status", "DELETE pods", ... in order; reads left out.
  [[nodiscard]] std::vector<std::string> writes() const { return writes_; }
  void forget_writes() { writes_.clear(); }
  /// The n-th write from now is not answered: lost before (or, with `applied`, after) it took effect, and so
  /// is everything behind it, until restart().
  void die_at_write(int n, bool applied) {
    dies_in_ = n;
    dies_applied_ = applied;
  }
  void restart() {
    dead_ = false;
    dies_in_ = -1;
  }
  [[nodiscard]] bool dead() const { return dead_; }
  /// Everything that was sent, reads too.
  [[nodiscard]] const std::vector<kube::HttpRequest>& requests() const { return transport_.requests(); }
  /// Answers every POST of a pod so.
  void refuse_pods(int status, std::string message) {
    refusal_ = status;
    refusal_message_ = std::move(message);
  }

  std::string deployment_uid = "uid-m";  ///< Of the next deploy().
  kube::Store<api::ModelDeployment> deployments;
  kube::Store<api::ModelRuntime> runtimes;
  kube::Store<api::SchedulingPolicy> policies;
  kube::Store<PodFact> pods;
  kube::Store<ServiceFact> services;
  kube::Store<RevisionFact> revisions;
  kube::Store<NodeFact> nodes;
  /// Called for each pod that the caches see, as the informer's handler would be.
  std::function<void(const kube::Ref<PodFact>&, const kube::Ref<PodFact>&)> on_pod;
  std::function<void(const ServiceFact&)> on_service;
  std::function<void(const RevisionFact&)> on_revision;

 private:
  using Reply = stowage::test::ScriptedTransport::Reply;

  static std::string path(const std::string& plural, const std::string& name) {
    return "/a/" + plural + "/" + name;
  }

  template <class T>
  static void index(kube::Store<T>& store) {
    store.add_index(std::string(kByDeployment), [](const T& child) {
      return std::vector<std::string>{deployment_key(child.meta.ns, child.deployment)};
    });
  }
  void put_runtime() {
    auto runtime = std::make_shared<api::ModelRuntime>();
    runtime->meta.name = "vllm";
    runtime->meta.annotations = {{std::string(api::kDefaultRuntimeAnnotation), "true"}};
    runtime->spec.image = "engine:1";
    runtime->spec.args = {"{{model.path}}"};
    runtime->spec.multi_node.emplace();
    runtimes.put(runtime);
  }
  template <class T>
  void follow_store(kube::Store<T>& store, const std::string& plural, Result<T> (*decode)(std::string_view)) {
    std::vector<std::string> gone;
    for (const auto& [key, object] : store.objects()) {
      if (!objects_.contains(path(plural, object->meta.name))) gone.push_back(key);
    }
    for (const auto& key : gone)
      tell(store.erase(key), kube::Ref<T>());
    for (const auto& object : all(plural)) {
      auto decoded = decode(object.dump());
      if (!decoded) throw std::runtime_error(decoded.error().to_string());
      auto now = std::make_shared<const T>(std::move(*decoded));
      tell(store.put(now), kube::Ref<T>(now));
    }
  }
  template <class T>
  void tell(const kube::Ref<T>& old, const kube::Ref<T>& now) {
    if constexpr (std::is_same_v<T, PodFact>) {
      if (on_pod) on_pod(old, now);
    } else if constexpr (std::is_same_v<T, ServiceFact>) {
      if (on_service) on_service(now ? *now : *old);
    } else if constexpr (std::is_same_v<T, RevisionFact>) {
      if (on_revision) on_revision(now ? *now : *old);
    }
  }
  void follow() {
    if (blind_) return;
    follow_store(deployments, "modeldeployments", api::decode_model_deployment);
    follow_store(pods, "pods", decode_pod_fact);
    if (deaf_) return;
    follow_store(services, "services", decode_service_fact);
    follow_store(revisions, "controllerrevisions", decode_revision_fact);
  }

  Reply reply(const kube::HttpRequest& request) {
    const Reply lost{.result = fail(Code::kUnavailable, "connection reset")};
    if (dead_) return lost;
    if (request.method == kube::Method::kGet) return answer(request);
    if (dies_in_ > 0 && --dies_in_ == 0) {
      dead_ = true;
      if (dies_applied_) answer(request);
      return lost;
    }
    return answer(request);
  }
  // ".../namespaces/a/pods/m-0-0-0?query" -> plural, name, subresource.
  Reply answer(const kube::HttpRequest& request) {
    std::string target = request.target.substr(0, request.target.find('?'));
    const size_t at = target.find("/namespaces/a/");
    std::vector<std::string> parts;
    for (size_t i = at == std::string::npos ? 1 : at + 14; i <= target.size();) {
      const size_t slash = std::min(target.find('/', i), target.size());
      parts.push_back(target.substr(i, slash - i));
      i = slash + 1;
    }
    const std::string plural = at == std::string::npos ? "nodes" : parts[0];
    const std::string name = parts.size() > 1 ? parts[at == std::string::npos ? parts.size() - 1 : 1] : "";
    const bool status = parts.size() > 2 && parts.back() == "status";
    switch (request.method) {
      case kube::Method::kGet:
        return found(plural, name);
      case kube::Method::kPost:
        return create(plural, request.body);
      case kube::Method::kDelete:
        return remove(plural, name, request.body);
      default:
        return patch(plural, name, status, request.body);
    }
  }
  Reply found(const std::string& plural, const std::string& name) {
    const auto it = objects_.find(path(plural, name));
    if (it == objects_.end()) return {.result = stowage::test::status_response(404, "NotFound", name)};
    return {.result = stowage::test::ok_response(it->second.dump())};
  }
  Reply create(const std::string& plural, const std::string& body) {
    writes_.push_back("POST " + plural);
    if (plural == "events") return {.result = stowage::test::ok_response(body)};
    if (plural == "pods" && refusal_ != 0) {
      const char* reason = refusal_ == 422 ? "Invalid" : "Forbidden";
      return {.result = stowage::test::status_response(refusal_, reason, refusal_message_)};
    }
    Json object = Json::parse(body);
    const std::string name = object["metadata"]["name"];
    if (objects_.contains(path(plural, name))) {
      return {.result = stowage::test::status_response(409, "AlreadyExists", name + " already exists")};
    }
    object["metadata"]["uid"] = "uid-" + std::to_string(++version_);
    object["metadata"]["resourceVersion"] = std::to_string(version_);
    object["metadata"]["creationTimestamp"] = format_rfc3339(world_.clock().wall());
    objects_[path(plural, name)] = object;
    follow();
    return {.result = stowage::test::ok_response(object.dump())};
  }
  Reply remove(const std::string& plural, const std::string& name, const std::string& body) {
    writes_.push_back("DELETE " + plural);
    const auto it = objects_.find(path(plural, name));
    if (it == objects_.end()) return {.result = stowage::test::status_response(404, "NotFound", name)};
    const Json options = body.empty() ? Json::object() : Json::parse(body);
    if (options["preconditions"]["uid"] != it->second["metadata"]["uid"]) {
      return {.result = stowage::test::status_response(409, "Conflict", "the UID is another")};
    }
    // What is going already: no change, and so nothing to see.
    if (it->second["metadata"].contains("deletionTimestamp"))
      return {.result = stowage::test::ok_response("{}")};
    if (plural == "pods" && it->second["spec"].contains("nodeName")) {
      it->second["metadata"]["deletionTimestamp"] = format_rfc3339(world_.clock().wall());
    } else {
      objects_.erase(it);
    }
    follow();
    return {.result = stowage::test::ok_response("{}")};
  }
  Reply patch(const std::string& plural, const std::string& name, bool status, const std::string& body) {
    writes_.push_back(status ? "APPLY status" : "PATCH " + plural);
    const auto it = objects_.find(path(plural, name));
    if (it == objects_.end()) return {.result = stowage::test::status_response(404, "NotFound", name)};
    const Json change = Json::parse(body);
    const Json& meta = change.value("metadata", Json::object());
    if (meta.contains("uid") && meta["uid"] != it->second["metadata"]["uid"]) {
      return {.result = stowage::test::status_response(409, "Conflict", "the UID is another")};
    }
    if (meta.contains("resourceVersion") &&
        meta["resourceVersion"] != it->second["metadata"]["resourceVersion"]) {
      return {.result = stowage::test::status_response(409, "Conflict", "the object has been modified")};
    }
    if (status) {
      it->second["status"] = change["status"];
    } else {
      it->second.merge_patch(change);
    }
    it->second["metadata"]["resourceVersion"] = std::to_string(++version_);
    if (status && !doomed_.empty()) {
      Json& pod = object("pods", std::exchange(doomed_, {}));
      pod["metadata"]["deletionTimestamp"] = format_rfc3339(world_.clock().wall());
    }
    follow();
    return {.result = stowage::test::ok_response(objects_.at(path(plural, name)).dump())};
  }

  stowage::test::VirtualWorld& world_;
  stowage::test::ScriptedTransport transport_;
  std::map<std::string, Json> objects_;
  std::vector<std::string> writes_;
  int version_ = 100;
  int dies_in_ = -1;
  bool dies_applied_ = false;
  bool dead_ = false;
  bool blind_ = false;
  bool deaf_ = false;
  std::string doomed_;
  int refusal_ = 0;
  std::string refusal_message_;
};

}  // namespace stowage::model_deployment::test
