#include "test/sim/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/json_io.h"

namespace stowage::sim {
namespace {

using Json = nlohmann::json;

constexpr const char* kDeployments = "/apis/stowage.dev/v1alpha1/modeldeployments";

std::unique_ptr<sandbox::Watch> open(sandbox::Server& server, const char* path, WallTime wall) {
  sandbox::Request request;
  request.method = "GET";
  request.path = path;
  request.query = "watch=true";
  request.user_agent = "checker/1";
  return server.handle(request, wall).watch;
}

/// A number or a share of `of` ("25%"), rounded up.
int64_t int_or_percent(const Json& value, int64_t of, int64_t fallback) {
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_string()) return fallback;
  const auto& text = value.get_ref<const std::string&>();
  const int64_t number = std::strtoll(text.c_str(), nullptr, 10);
  return text.ends_with('%') ? (of * number + 99) / 100 : number;
}

}  // namespace

Checker::Checker(sandbox::Server& server, Patience patience) : server_(server), patience_(patience) {}

void Checker::trace(MonoTime now, std::string line) {
  if (trace_on_) trace_.emplace_back(now, std::move(line));
}

void Checker::report(const char* invariant, std::string what) {
  violations_.push_back({.invariant = invariant, .what = std::move(what)});
}

template <class Handler>
void Checker::drain(std::unique_ptr<sandbox::Watch>& watch, const char* path, WallTime wall,
                    Handler handler) {
  if (!watch || watch->ended()) watch = open(server_, path, wall);
  kube::WatchDecoder decoder;
  while (watch) {
    const auto line = watch->next();
    if (!line) return;
    decoder.feed(*line);
    const auto frame = decoder.next();
    if (!frame || !*frame || (*frame)->type == kube::WatchType::kError) {
      watch = open(server_, path, wall);  // fell out of the history: everything is told again
      decoder.reset();
      continue;
    }
    if ((*frame)->type != kube::WatchType::kBookmark) handler(**frame);
  }
}

void Checker::look(MonoTime now, WallTime wall, const Write* writer) {
  const auto change = [&](const kube::WatchFrame& frame) {
    return Change{.type = frame.type, .json = frame.object, .now = now, .writer = writer};
  };
  drain(node_watch_, "/api/v1/nodes", wall, [&](const auto& frame) { on_node(change(frame)); });
  drain(namespace_watch_, "/api/v1/namespaces", wall,
        [&](const auto& frame) { on_namespace(change(frame)); });
  drain(deployment_watch_, kDeployments, wall, [&](const auto& frame) { on_deployment(change(frame)); });
  drain(pod_watch_, "/api/v1/pods", wall, [&](const auto& frame) { on_pod(change(frame)); });
}

void Checker::on_node(const Change& change) {
  auto node = api::decode_node(change.json);
  if (!node) return;
  const std::string name = node->meta.name;
  if (trace_on_)
    trace(change.now,
          fmt::format("    node {}{}{}", name, change.type == kube::WatchType::kDeleted ? " goes" : "",
                      node->unschedulable || !node->taints.empty() ? " closed" : ""));
  if (change.type == kube::WatchType::kDeleted) {
    nodes_.erase(name);
    for (const auto& [uid, pod] : pods_) {
      if (pod.spec.node_name != name) continue;
      if (Target* target = target_of(pod)) {
        target->disturbed = change.now;
        excuse(*target, pod);
      }
    }
    return;
  }
  const auto known = nodes_.find(name);
  // One that comes back under its name finds the pods that were bound to it.
  const bool full = known == nodes_.end() && std::ranges::any_of(pods_, [&](const auto& entry) {
                      return entry.second.spec.node_name == name;
                    });
  if (full || (known != nodes_.end() && known->second.allocatable != node->allocatable))
    node_changed_[name] = change.now;
  nodes_[name] = *std::move(node);
}

void Checker::on_namespace(const Change& change) {
  const Json object = sandbox::parse_stored(change.json);
  const std::string name = object["metadata"].value("name", "");
  if (change.type != kube::WatchType::kDeleted && object["metadata"].contains("deletionTimestamp")) {
    closing_.insert(name);
  } else if (closing_.erase(name) > 0) {
    opened_[name] = change.now;
  }
}

void Checker::on_deployment(const Change& change) {
  const Json object = sandbox::parse_stored(change.json);
  const Json& meta = object["metadata"];
  const std::string key = meta.value("namespace", "") + "/" + meta.value("name", "");
  if (change.type == kube::WatchType::kDeleted) {
    targets_.erase(key);
    return;
  }
  pods_changed_ = true;
  const std::string uid = meta.value("uid", "");
  if (const auto old = targets_.find(key); old != targets_.end() && old->second.uid != uid)
    targets_.erase(old);
  const bool fresh = !targets_.contains(key);
  Target& target = targets_[key];
  const Json& spec = object["spec"];
  const int64_t old = target.replicas;
  const int64_t most = target.replicas + target.surge;
  target.uid = uid;
  target.replicas = spec.value("suspend", false) ? 0 : spec.value("replicas", int64_t{1});
  const Json rollout = spec.value("rollout", Json::object());
  target.surge = int_or_percent(rollout.value("maxSurge", Json(1)), target.replicas, 1);
  target.unavailable = int_or_percent(rollout.value("maxUnavailable", Json(0)), target.replicas, 0);
  target.budget = rollout.value("/restartBudget/restarts"_json_pointer, int64_t{5});
  const int64_t before = fresh ? target.replicas : old;  // what nobody wanted yet excuses nothing
  const int64_t generation = meta.value("generation", int64_t{0});
  if (generation != target.generation) {
    const bool recent = change.now - target.changed <= patience_.target_change;
    target.highest = std::max(recent ? target.highest : 0, most);
    target.lowest = std::min({recent ? target.lowest : target.replicas, before, target.replicas});
    target.changed = change.now;
    target.generation = generation;
  }
  target.conditions.clear();
  const Json conditions = object.value("/status/conditions"_json_pointer, Json::array());
  for (const Json& condition : conditions)
    target.conditions[condition.value("type", "")] = condition.value("status", "");
  target.conditions_text = conditions.dump();
  Parts parts = read_parts(change.json);
  if (change.writer != nullptr && !fresh)
    check_parts(*change.writer, "ModelDeployment " + key, target.parts, parts, nullptr, nullptr);
  target.parts = std::move(parts);
}

std::string Checker::condition(const std::string& key, const std::string& type) const {
  const auto it = targets_.find(key);
  if (it == targets_.end()) return {};
  const auto found = it->second.conditions.find(type);
  return found == it->second.conditions.end() ? "" : found->second;
}

std::string Checker::conditions_text(const std::string& key) const {
  const auto it = targets_.find(key);
  return it == targets_.end() ? "does not exist" : it->second.conditions_text;
}

}  // namespace stowage::sim
