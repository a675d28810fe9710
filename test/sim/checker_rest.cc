#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/json_io.h"
#include "test/sim/checker.h"

// I4, I5, I7: what must hold when everything has come to rest.
namespace stowage::sim {

using Json = nlohmann::json;

void Checker::check_children(WallTime wall, const char* path) {
  sandbox::Request request;
  request.method = "GET";
  request.path = path;
  request.user_agent = "checker/1";
  const Json list = sandbox::parse_stored(server_.handle(request, wall).body);
  if (!list.is_object()) return;
  std::set<std::string> uids;
  for (const auto& [key, target] : targets_)
    uids.insert(target.uid);
  for (const Json& item : list.value("items", Json::array())) {
    const Json& meta = item["metadata"];
    if (meta.contains("deletionTimestamp"))
      report("I7", fmt::format("never went away: {} {}", path, meta.value("name", "")));
    for (const Json& owner : meta.value("ownerReferences", Json::array())) {
      if (owner.value("kind", "") == "ModelDeployment" && !uids.contains(owner.value("uid", "")))
        report("I5", fmt::format("orphan at rest: {} {}", path, meta.value("name", "")));
    }
  }
}

/// I11: what people read of placement is where the pods are.
void Checker::check_placement(const std::string& key, const Target& target) {
  std::map<std::string, std::map<std::string, std::string>> nodes;  // replica, rank
  for (const auto& [uid, pod] : pods_) {
    const auto* owner = pod.meta.controller();
    if (owner != nullptr && owner->uid == target.uid && !pod.terminating() && !pod.terminal())
      nodes[pod.meta.label("stowage.dev/replica")][pod.meta.label("stowage.dev/rank")] = pod.spec.node_name;
  }
  const auto part = target.parts.find("status.placement");
  const Json said = part == target.parts.end() ? Json::object() : sandbox::parse_stored(part->second);
  Json are = Json::object();
  for (const auto& [replica, members] : nodes) {
    for (const auto& [rank, node] : members)
      are[replica].push_back(node);
  }
  Json told = Json::object();
  for (const Json& entry : said.value("placements", Json::array()))
    told[std::to_string(entry.value("replica", int64_t{-1}))] = entry.value("nodes", Json::array());
  if (told != are)
    report("I11",
           fmt::format("{}: status.placement says {}, its pods are on {}", key, told.dump(), are.dump()));
}

void Checker::at_rest(MonoTime now, WallTime wall) {
  look(now, wall);
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
    } else if (!pod.terminal() || condition(target->first, "Stalled") == "True") {
      replicas[target->first].insert(pod.meta.label("stowage.dev/replica"));
      // The user's own mark on a pod is not ours to take away.
      if (condition(target->first, "Ready") == "True" && !pod.ready())
        report("I4", fmt::format("{} says Ready, its pod {} is not", target->first, pod.meta.key()));
    }
  }
  for (const auto& [key, target] : targets_) {
    if (static_cast<int64_t>(replicas[key].size()) != target.replicas)
      report("I4",
             fmt::format("{} rests at {} replicas, wants {}", key, replicas[key].size(), target.replicas));
    if (condition(key, "Ready") != "True") continue;
    check_placement(key, target);
    // A gang counts with all of its pods.
    const size_t whole = ready_replicas(key.substr(0, key.find('/')), target).size();
    if (static_cast<int64_t>(whole) < target.replicas)
      report("I4", fmt::format("{} says Ready, {} of {} replicas are whole", key, whole, target.replicas));
  }
  check_children(wall, "/api/v1/services");
  check_children(wall, "/apis/apps/v1/controllerrevisions");
  check_children(wall, "/apis/stowage.dev/v1alpha1/modeldeployments");
}

}  // namespace stowage::sim
