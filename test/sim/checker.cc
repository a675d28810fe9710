#include "test/sim/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "gpu-scheduler/translate.h"
#include "sandbox/apiserver/http.h"

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

bool is_write(const kube::HttpRequest& request) {
  return request.method != kube::Method::kGet;
}

int64_t size_of(const api::Pod& pod) {
  const std::string& text = pod.meta.annotation("stowage.dev/group-size");
  int64_t size = 1;
  std::from_chars(text.data(), text.data() + text.size(), size);
  return size;
}

bool ours(const api::Pod& pod) {
  return pod.spec.scheduler_name == "stowage";
}

/// A number or a share of `of` ("25%"), rounded up.
int64_t int_or_percent(const Json& value, int64_t of, int64_t fallback) {
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_string()) return fallback;
  const auto& text = value.get_ref<const std::string&>();
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return text.ends_with('%') ? (of * number + 99) / 100 : number;
}

}  // namespace

Checker::Checker(sandbox::Server& server, Patience patience) : server_(server), patience_(patience) {}

void Checker::report(const char* invariant, std::string what) {
  violations_.push_back({.invariant = invariant, .what = std::move(what)});
}

void Checker::look(MonoTime now, WallTime wall) {
  const auto drain = [&](std::unique_ptr<sandbox::Watch>& watch, const char* path, auto handler) {
    if (!watch || watch->ended()) watch = open(server_, path, wall);
    while (watch) {
      const auto line = watch->next();
      if (!line) return;
      const Json frame = Json::parse(*line, nullptr, false);
      if (frame.is_discarded() || frame.value("type", "") == "ERROR") {
        watch = open(server_, path, wall);
        continue;
      }
      if (frame["type"] != "BOOKMARK") handler(frame["type"].get<std::string>(), frame["object"].dump());
    }
  };
  drain(node_watch_, "/api/v1/nodes", [&](const auto& type, const auto& json) { on_node(type, json); });
  drain(deployment_watch_, kDeployments,
        [&](const auto& type, const auto& json) { on_deployment(type, json, now); });
  drain(pod_watch_, "/api/v1/pods", [&](const auto& type, const auto& json) { on_pod(type, json, now); });
}

void Checker::on_node(const std::string& type, const std::string& json) {
  auto node = api::decode_node(json);
  if (!node) return;
  if (type == "DELETED") {
    nodes_.erase(node->meta.name);
  } else {
    nodes_[node->meta.name] = *std::move(node);
  }
}

void Checker::on_deployment(const std::string& type, const std::string& json, MonoTime now) {
  const Json object = Json::parse(json, nullptr, false);
  const Json& meta = object["metadata"];
  const std::string key = meta.value("namespace", "") + "/" + meta.value("name", "");
  if (type == "DELETED") {
    targets_.erase(key);
    return;
  }
  const Json& spec = object["spec"];
  Target& target = targets_[key];
  const int64_t before = target.replicas + target.surge;
  target.uid = meta.value("uid", "");
  target.replicas = spec.value("suspend", false) ? 0 : spec.value("replicas", int64_t{1});
  const Json rollout = spec.value("rollout", Json::object());
  target.surge = int_or_percent(rollout.value("maxSurge", Json(1)), target.replicas, 1);
  if (target.replicas + target.surge < before) {
    target.highest = std::max(target.highest, before);
    target.lowered_at = now;
  }
}

void Checker::on_pod(const std::string& type, const std::string& json, MonoTime now) {
  auto decoded = api::decode_pod(json);
  if (!decoded) {
    report("I6", "a stored pod cannot be read: " + decoded.error().message);
    return;
  }
  const std::string uid = decoded->meta.uid;
  const auto before = pods_.find(uid);
  if (type == "DELETED") {
    if (before != pods_.end()) pods_.erase(before);
    return;
  }
  const std::string node = decoded->spec.node_name;
  const std::string previous = before == pods_.end() ? "" : before->second.spec.node_name;
  const bool created = before == pods_.end();
  if (!previous.empty() && previous != node) {
    report("I1", fmt::format("pod {} moved from {} to {}", decoded->meta.key(), previous, node));
  }
  const api::Pod& pod = pods_[uid] = *std::move(decoded);
  if (!node.empty() && previous.empty()) {
    if (!ours(pod)) foreign_bind_[node] = now;
    check_room(node, now);
  }
  if (created && !pod.meta.label("stowage.dev/deployment").empty()) check_surge(pod, now);
}

void Checker::check_room(const std::string& node, MonoTime now) {
  const auto it = nodes_.find(node);
  if (it == nodes_.end()) return;  // bound to a node that has just gone: the operator replaces it
  const auto foreign = foreign_bind_.find(node);
  if (foreign != foreign_bind_.end() && now - foreign->second <= patience_.foreign_visible) return;
  std::map<std::string, __int128> used;
  for (const auto& [uid, pod] : pods_) {
    if (pod.spec.node_name != node || pod.terminal()) continue;
    const auto requests = scheduler::effective_requests(pod.spec);
    used["cpu"] += requests.cpu_milli;
    used["memory"] += requests.memory_bytes;
    used["pods"] += 1;
    for (const auto& [name, amount] : requests.extended)
      used[name] += amount;
  }
  for (const auto& [name, amount] : used) {
    const auto room = it->second.allocatable.find(name);
    const int64_t allocatable = room == it->second.allocatable.end() ? 0 : room->second;
    if (amount > allocatable) {
      report("I2",
             fmt::format("node {} holds {} {} of {}", node, static_cast<int64_t>(amount), name, allocatable));
    }
  }
}

void Checker::check_surge(const api::Pod& created, MonoTime now) {
  const std::string key = created.meta.ns + "/" + created.meta.label("stowage.dev/deployment");
  const auto it = targets_.find(key);
  if (it == targets_.end()) return;  // deleted meanwhile: I5 at rest
  Target& target = it->second;
  if (now - target.lowered_at > patience_.target_change) target.highest = 0;
  const int64_t limit = std::max(target.highest, target.replicas + target.surge);
  std::set<std::string> replicas;
  for (const auto& [uid, pod] : pods_) {
    if (pod.meta.ns != created.meta.ns || pod.terminal() || pod.terminating()) continue;
    const auto* owner = pod.meta.controller();
    if (owner == nullptr || owner->uid != target.uid) continue;
    replicas.insert(pod.meta.label("stowage.dev/replica"));
  }
  if (static_cast<int64_t>(replicas.size()) > limit) {
    report("I4", fmt::format("{} has {} replicas, target and surge allow {}", key, replicas.size(), limit));
  }
}

void Checker::check_delete(const std::string& who, const kube::HttpRequest& request) {
  const bool pod_delete =
      request.method == kube::Method::kDelete && request.target.find("/pods/") != std::string::npos;
  const bool eviction = request.method == kube::Method::kPost && request.target.ends_with("/eviction");
  if (!pod_delete && !eviction) return;
  const Json body = Json::parse(request.body, nullptr, false);
  const Json options = eviction && body.is_object() ? body.value("deleteOptions", Json::object()) : body;
  const bool has_uid =
      options.is_object() && !options.value("preconditions", Json::object()).value("uid", "").empty();
  if (!has_uid) report("I10", fmt::format("{} deletes {} without its UID", who, request.target));
}

void Checker::after_write(const std::string& who, const kube::HttpRequest& request, int status, MonoTime now,
                          WallTime wall) {
  if (!is_write(request)) return;
  if (who != "user") check_delete(who, request);
  if (status < 200 || status >= 300) return;
  const bool lease = request.target.find("/leases") != std::string::npos;
  if (!lease) ++writes_;
  if (silence_ && !lease) report("I8", fmt::format("{} writes at rest: {}", who, request.target));
  if (request.target.ends_with("/binding") && !bound_.insert(request.target + request.body).second) {
    report("I1", "bound twice: " + request.target);
  }
  look(now, wall);
}

void Checker::tick(MonoTime now, WallTime wall) {
  look(now, wall);
  struct Gang {
    int64_t size = 0, bound = 0;
    bool waits = false;
  };
  std::map<std::string, Gang> gangs;
  for (const auto& [uid, pod] : pods_) {
    const std::string& group = pod.meta.annotation("stowage.dev/group");
    if (group.empty() || pod.terminal() || pod.terminating() || !ours(pod)) continue;
    Gang& gang = gangs[pod.meta.ns + "/" + group];
    gang.size = size_of(pod);
    gang.bound += pod.spec.node_name.empty() ? 0 : 1;
  }
  for (const auto& [name, gang] : gangs) {
    if (gang.bound == 0 || gang.bound >= gang.size) {
      partial_since_.erase(name);
      continue;
    }
    const MonoTime since = partial_since_.try_emplace(name, now).first->second;
    if (now - since > patience_.partial_gang + patience_.takeover) {
      report("I3", fmt::format("gang {} has been half bound ({}/{}) for {} ms", name, gang.bound, gang.size,
                               std::chrono::duration_cast<Millis>(now - since).count()));
      partial_since_[name] = now;
    }
  }
  std::erase_if(partial_since_, [&](const auto& entry) { return !gangs.contains(entry.first); });
}

void Checker::at_rest(WallTime wall) {
  look({}, wall);
  std::map<std::string, std::set<std::string>> replicas;
  for (const auto& [uid, pod] : pods_) {
    const std::string& name = pod.meta.label("stowage.dev/deployment");
    if (name.empty()) continue;
    const auto target = targets_.find(pod.meta.ns + "/" + name);
    const auto* owner = pod.meta.controller();
    if (target == targets_.end() || owner == nullptr || owner->uid != target->second.uid) {
      report("I5", "orphan at rest: pod " + pod.meta.key());
    } else if (pod.terminating()) {
      report("I7", "never went away: pod " + pod.meta.key());
    } else if (!pod.terminal()) {
      replicas[target->first].insert(pod.meta.label("stowage.dev/replica"));
    }
  }
  for (const auto& [key, target] : targets_) {
    if (static_cast<int64_t>(replicas[key].size()) != target.replicas) {
      report("I4",
             fmt::format("{} rests at {} replicas, wants {}", key, replicas[key].size(), target.replicas));
    }
  }
}

}  // namespace stowage::sim
