#include "test/sim/story.h"

#include <fmt/format.h>

#include <algorithm>

namespace stowage::sim {
namespace {

constexpr const char* kDeployments = "/apis/stowage.dev/v1alpha1/namespaces/models/modeldeployments";
constexpr const char* kNamespaces = "/api/v1/namespaces";
constexpr const char* kPods = "/api/v1/namespaces/models/pods";
constexpr const char* kMergePatch = "application/merge-patch+json";

std::string node_json(int number) {
  const std::string name = fmt::format("n{}", number);
  return fmt::format(
      R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}","labels":{{"kubernetes.io/hostname":"{}",)"
      R"("nvidia.com/gpu.product":"NVIDIA-H100-80GB-HBM3","nvidia.com/gpu.memory":"81559","nvidia.com/gpu.count":"8",)"
      R"("network.topology.nvidia.com/leaf":"rack-{}","topology.kubernetes.io/zone":"a"}}}},)"
      R"("status":{{"capacity":{{"cpu":"192","memory":"2000Gi","pods":"110","nvidia.com/gpu":"8"}},)"
      R"("allocatable":{{"cpu":"192","memory":"2000Gi","pods":"110","nvidia.com/gpu":"8"}},)"
      R"("conditions":[{{"type":"Ready","status":"True"}}]}}}})",
      name, name, number / 2);
}

}  // namespace

bool Story::happens(const std::string& what) {
  return world_.plan().happens(fmt::format("story/{}", turn_), what, world_.time().clock().now());
}

void Story::patch(const std::string& path, const std::string& body) {
  world_.user("PATCH", path, body, kMergePatch);
}

void Story::add_node() {
  world_.user("POST", "/api/v1/nodes", node_json(nodes_++));
}

void Story::begin() {
  const int nodes = 2 + static_cast<int>(random_.below(4));
  world_.user("POST", kNamespaces, R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"models"}})");
  for (int i = 0; i < nodes; ++i)
    add_node();
  const int models = 1 + static_cast<int>(random_.below(3));
  for (int i = 0; i < models; ++i) {
    models_.push_back({.name = fmt::format("m{}", i)});
    create(models_.back());
  }
  if (random_.below(8) != 0) return;
  models_.push_back({.name = "crash", .crashes = true});
  create(models_.back());
}

std::string Story::make_model(Model& model) {
  const bool gang = model.crashes || random_.below(2) == 0;
  const auto surge = random_.below(2);
  model.nodes = gang ? 2 : 1;
  model.replicas = model.crashes ? 1 : 1 + static_cast<int>(random_.below(3));
  const auto tensor = gang ? 8 : 1 + random_.below(4);
  std::string extra;
  if (gang) extra += R"(,"placement":{"topology":{"level":"rack","mode":"Required"}})";
  const uint64_t own = world_.seed() * 7 + static_cast<uint64_t>(turn_ * 100 + model.name.back());
  const bool slow = Random(own).below(4) == 0 && !model.crashes;
  if (slow && world_.plan().happens(fmt::format("slow/{}/{}", model.name, turn_),
                                    model.name + " takes its time to stop", world_.time().clock().now()))
    extra += R"(,"podTemplate":{"metadata":{"annotations":{"test.stowage.dev/termination":"grace"}}})";
  if (model.crashes) extra += R"(,"podTemplate":{"metadata":{"annotations":{"test.stowage.dev/fail":"1s"}}})";
  return fmt::format(
      R"({{"apiVersion":"stowage.dev/v1alpha1","kind":"ModelDeployment","metadata":{{"name":"{}",)"
      R"("annotations":{{"user/mark":"kept"}}}},)"
      R"("spec":{{"model":{{"uri":"hf://a/b","credentialsSecret":"hf-token"}},"replicas":{},)"
      R"("parallelism":{{"tensor":{},"pipeline":{}}},)"
      R"("rollout":{{"maxSurge":{},"maxUnavailable":{},"restartBudget":{{"restarts":{}}}}}{}}}}})",
      model.name, model.replicas, tensor, model.nodes, surge, 1 - surge, model.crashes ? 1 : 100, extra);
}

void Story::create(Model& model) {
  model.json = make_model(model);
  world_.user("POST", kDeployments, model.json);
}

void Story::act() {
  ++turn_;
  follow_up();
  restore();
  // Drawn before anything is decided, so that a switched-off act leaves the later ones as they were.
  const uint64_t kind = random_.below(24);
  Model& model = models_[random_.below(models_.size())];
  if (kind < 6) {
    if (!model.crashes) change_model(kind, model);
  } else if (kind < 13) {
    change_node(kind);
  } else if (kind < 19) {
    change_pod(kind);
  } else {
    change_server(kind);
  }
  act_more();
}

bool Story::happens_more(const std::string& what) {
  return world_.plan().happens(fmt::format("more/{}", turn_), what, world_.time().clock().now());
}

void Story::act_more() {
  const uint64_t kind = more_.below(12);
  const uint64_t draw = more_.next();
  Model& model = models_[draw % models_.size()];
  const auto now = world_.time().clock().now();
  const Millis span{5'000 + static_cast<int64_t>(draw % 20'000)};
  const std::string pod = kind == 2 || kind == 3 ? some_pod(draw) : "";
  switch (kind) {
    case 0:
      if (happens_more("nothing is collected for a while")) world_.around().collect_from = now + span;
      break;
    case 1:
      if (model.crashes || !happens_more(model.name + " is made again before the old one is collected"))
        break;
      world_.around().collect_from = now + span;
      world_.user("DELETE", fmt::format("{}/{}", kDeployments, model.name));
      create(model);
      break;
    case 2:
      if (!pod.empty() && happens_more("somebody deletes " + pod)) world_.user("DELETE", pod);
      break;
    case 3:
      if (pod.empty() || !happens_more(pod + " is evicted")) break;
      world_.user("POST", pod + "/eviction",
                  fmt::format(R"({{"apiVersion":"policy/v1","kind":"Eviction","metadata":{{"name":"{}"}}}})",
                              pod.substr(pod.rfind('/') + 1)));
      break;
    case 4:
      if (!model.crashes && happens_more("the image of " + model.name + " changes"))
        patch(fmt::format("{}/{}", kDeployments, model.name),
              fmt::format(R"({{"spec":{{"runtime":{{"image":"engine:{}"}}}}}})", 10 + draw % 4));
      break;
    case 5:
      take_name(model, draw);
      break;
    case 6:
      give_notice(draw);
      break;
    default:
      break;
  }
}

/// A pod of somebody else stands where a later attempt of the first replica would.
void Story::take_name(const Model& model, uint64_t draw) {
  const std::string name = fmt::format("{}-0-{}-0", model.name, 1 + draw % 3);
  if (!happens_more("a stranger takes the name " + name)) return;
  world_.user("POST", kPods,
              fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}"}},"spec":{{)"
                          R"("containers":[{{"name":"c","image":"stranger"}}]}}}})",
                          name));
}

/// A spot node: first the taint, then the loss.
void Story::give_notice(uint64_t draw) {
  const std::string name = fmt::format("n{}", draw % static_cast<uint64_t>(nodes_));
  if (!happens_more("node " + name + " is given notice")) return;
  patch(
      "/api/v1/nodes/" + name,
      R"({"spec":{"taints":[{"key":"cloud.google.com/impending-node-termination","effect":"NoSchedule"}]}})");
  losses_.emplace_back(world_.time().clock().now() + Millis{5'000 + static_cast<int64_t>(draw % 15'000)},
                       name);
}

void Story::follow_up() {
  const auto now = world_.time().clock().now();
  std::erase_if(losses_, [&](const auto& loss) {
    if (loss.first > now) return false;
    world_.user("DELETE", "/api/v1/nodes/" + loss.second);
    return true;
  });
}

/// A bound pod of the models.
std::string Story::some_pod(uint64_t draw) const {
  std::vector<std::string> names;
  for (const auto& [uid, pod] : world_.checker().pods()) {
    if (!pod.spec.node_name.empty() && pod.meta.ns == "models" && !pod.terminating() &&
        !pod.meta.label("stowage.dev/deployment").empty())
      names.push_back(pod.meta.name);
  }
  if (names.empty()) return {};
  std::ranges::sort(names);
  return fmt::format("{}/{}", kPods, names[draw % names.size()]);
}

void Story::change_model(uint64_t kind, Model& model) {
  const std::string path = fmt::format("{}/{}", kDeployments, model.name);
  const auto number = random_.below(4);
  if (kind == 0 && happens(fmt::format("{} is scaled to {}", model.name, number))) {
    model.replicas = static_cast<int>(number);
    patch(path, fmt::format(R"({{"spec":{{"replicas":{}}}}})", number));
  }
  if ((kind == 1 || kind == 2) && happens("the image of " + model.name + " changes"))
    patch(path, fmt::format(R"({{"spec":{{"runtime":{{"image":"engine:{}"}}}}}})", number));
  if (kind == 3 && happens(model.name + " is deleted and made again")) {
    world_.user("DELETE", path);
    create(model);
  }
  if (kind == 4 && happens(model.name + " is suspended or resumed"))
    patch(path, fmt::format(R"({{"spec":{{"suspend":{}}}}})", number < 2));
  if (kind == 5 && happens(model.name + " is annotated"))
    patch(path, fmt::format(R"({{"metadata":{{"annotations":{{"user/note":"{}"}}}}}})", number));
}

void Story::change_node(uint64_t kind) {
  const auto number = random_.below(static_cast<uint64_t>(nodes_));
  const std::string name = fmt::format("n{}", number);
  const std::string path = "/api/v1/nodes/" + name;
  switch (kind) {
    case 6:
    case 7:
      if (happens("node " + name + " is lost")) world_.user("DELETE", path);
      break;
    case 8:
      if (happens("a node is added")) add_node();
      break;
    case 9:
      if (!happens("node " + name + " is NotReady")) break;
      patch(path + "/status", R"({"status":{"conditions":[{"type":"Ready","status":"False"}]}})");
      patch(path, R"({"spec":{"taints":[{"key":"node.kubernetes.io/not-ready","effect":"NoSchedule"}]}})");
      break;
    case 10:
      if (happens("node " + name + " is cordoned")) patch(path, R"({"spec":{"unschedulable":true}})");
      break;
    case 11:
      if (happens("node " + name + " loses 4 GPUs"))
        patch(path + "/status", R"({"status":{"allocatable":{"nvidia.com/gpu":"4"}}})");
      break;
    case 12:
      if (!happens("node " + name + " is replaced by a namesake")) break;
      world_.user("DELETE", path);
      world_.user("POST", "/api/v1/nodes", node_json(static_cast<int>(number)));
      break;
    default:
      break;
  }
}

std::string Story::random_pod(bool waiting) {
  std::vector<std::string> names;
  for (const auto& [uid, pod] : world_.checker().pods()) {
    if (pod.spec.node_name.empty() == waiting && pod.meta.ns == "models" && !pod.terminating())
      names.push_back(pod.meta.name);
  }
  const uint64_t draw = random_.next();
  if (names.empty()) return {};
  std::ranges::sort(names);
  return fmt::format("{}/{}", kPods, names[draw % names.size()]);
}

void Story::foreign_pod() {
  const auto number = random_.below(static_cast<uint64_t>(nodes_));
  if (!happens(fmt::format("a foreign pod takes GPUs of n{}", number))) return;
  world_.user(
      "POST", kPods,
      fmt::format(
          R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"foreign-{}"}},"spec":{{"nodeName":"n{}",)"
          R"("containers":[{{"name":"c","image":"i","resources":{{"requests":{{"nvidia.com/gpu":"2"}},)"
          R"("limits":{{"nvidia.com/gpu":"2"}}}}}}]}}}})",
          strangers_++, number));
}

void Story::change_pod(uint64_t kind) {
  if (kind == 13 || kind == 14) return foreign_pod();
  const bool waiting = kind == 17;
  const std::string pod = random_pod(waiting);
  const auto number = random_.below(static_cast<uint64_t>(nodes_));
  if (pod.empty()) return;
  if (kind == 15 && happens("somebody deletes " + pod)) world_.user("DELETE", pod);
  if (kind == 16 && happens("the workload of " + pod + " fails")) {
    world_.user(
        "PATCH", pod + "/status",
        R"({"status":{"phase":"Failed","containerStatuses":[{"name":"engine","image":"i","imageID":"",)"
        R"("ready":false,"restartCount":0,"state":{"terminated":{"exitCode":1,"reason":"Error"}}}],)"
        R"("conditions":[{"type":"Ready","status":"False"}]}})",
        kMergePatch);
  }
  if (kind == 17 && happens(fmt::format("another scheduler binds {} to n{}", pod, number))) {
    world_.user("POST", pod + "/binding",
                fmt::format(R"({{"apiVersion":"v1","kind":"Binding","metadata":{{"name":"{}"}},)"
                            R"("target":{{"apiVersion":"v1","kind":"Node","name":"n{}"}}}})",
                            pod.substr(pod.rfind('/') + 1), number));
  }
  if (kind == 18 && happens("somebody annotates " + pod))
    patch(pod, R"({"metadata":{"annotations":{"user/mark":"kept"}}})");
}

void Story::change_server(uint64_t kind) {
  const MonoTime now = world_.time().clock().now();
  const auto span = random_.below(3000);
  const auto rare = random_.below(4);
  switch (kind) {
    case 19:
      if (happens("the server forgets its history")) world_.forget_history();
      break;
    case 20:
      if (!happens("the server restarts")) break;
      world_.forget_history();
      world_.around().down_until = now + Millis{500 + static_cast<int64_t>(span)};
      break;
    case 21:
      if (happens("a process is killed")) world_.kill_one(random_);
      break;
    case 22:
      if (happens("somebody edits a lease"))
        patch(fmt::format("/apis/coordination.k8s.io/v1/namespaces/stowage-system/leases/stowage-{}",
                          rare < 2 ? "operator" : "scheduler"),
              R"({"metadata":{"annotations":{"user/mark":"kept"}}})");
      break;
    case 23:
      if (rare == 0) {
        if (happens("the namespace is deleted")) world_.user("DELETE", std::string(kNamespaces) + "/models");
      } else if (rare == 1) {
        if (happens("the policy is edited"))
          patch("/apis/stowage.dev/v1alpha1/schedulingpolicies/default", R"({"spec":{"strategy":"Spread"}})");
      } else if (happens("the definition is edited")) {
        patch("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modeldeployments.stowage.dev",
              fmt::format(R"({{"metadata":{{"annotations":{{"user/mark":"{}"}}}}}})", span));
      }
      break;
    default:
      break;
  }
}

void Story::restore() {
  const auto missing = [&](const Model& model) {
    return !world_.checker().has_deployment("models/" + model.name);
  };
  if (std::ranges::none_of(models_, missing)) return;
  world_.user("POST", kNamespaces, R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"models"}})");
  for (const Model& model : models_) {
    if (missing(model)) world_.user("POST", kDeployments, model.json);
  }
}

void Story::make_room() {
  losses_.clear();
  // A namespace takes as long to go as the pods of a lost node.
  world_.run_until(
      [&] {
        restore();
        return std::ranges::all_of(models_, [&](const Model& model) {
          return world_.checker().has_deployment("models/" + model.name);
        });
      },
      Millis{120'000});
  int wanted = 0;
  for (const Model& model : models_) {
    // At most three replicas and a surge; two pods of at most 4 GPUs share a node.
    wanted += model.nodes == 1 ? 2 : (3 + 1) * model.nodes;
    if (!model.crashes)
      patch(fmt::format("{}/{}", kDeployments, model.name), R"({"spec":{"suspend":false}})");
  }
  for (const auto& [name, node] : std::map(world_.checker().nodes())) {
    if (node.unschedulable || !node.taints.empty())
      patch("/api/v1/nodes/" + name, R"({"spec":{"unschedulable":null,"taints":null}})");
  }
  nodes_ += nodes_ % 2;  // whole racks
  for (int i = 0; i < wanted; ++i)
    add_node();
}

std::string Story::not_ready() const {
  for (const Model& model : models_) {
    const std::string key = "models/" + model.name;
    const Checker& checker = world_.checker();
    if (checker.condition(key, model.crashes ? "Stalled" : "Ready") != "True")
      return key + ": " + checker.conditions_text(key);
  }
  return {};
}

}  // namespace stowage::sim
