#include "sandbox/scenario/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/watch.h"

namespace stowage::sandbox {
namespace {

struct Watched {
  const char* kind;
  const char* path;
};
constexpr Watched kWatched[] = {{"node", "/api/v1/nodes"},
                                {"pod", "/api/v1/pods"},
                                {"model", "/apis/stowage.dev/v1alpha1/modeldeployments"}};

std::string node_state(const Json& node) {
  std::string out = "there";
  if (const Json* taints = find_path(node, {"spec", "taints"})) {
    for (const Json& taint : *taints)
      out += fmt::format(", taint {}:{}", string_at(taint, {"key"}), string_at(taint, {"effect"}));
  }
  return out;
}

std::string pod_state(const Json& pod) {
  if (find_path(pod, {"metadata", "deletionTimestamp"}) != nullptr) return "terminating";
  const std::string phase = string_at(pod, {"status", "phase"});
  const std::string node = string_at(pod, {"spec", "nodeName"});
  if (phase == "Failed") return fmt::format("failed {}", string_at(pod, {"status", "reason"}));
  if (phase == "Running") return fmt::format("running on {}", node);
  return node.empty() ? phase == "Pending" ? "pending" : phase : fmt::format("bound to {}", node);
}

std::string model_state(const Json& model) {
  std::string out;
  const Json* conditions = find_path(model, {"status", "conditions"});
  if (conditions == nullptr) return "created";
  for (const Json& condition : *conditions) {
    const std::string type = string_at(condition, {"type"});
    if (type != "Ready" && type != "Placed") continue;
    out += fmt::format("{}{}={} ({}) {}", out.empty() ? "" : "; ", type, string_at(condition, {"status"}),
                       string_at(condition, {"reason"}), string_at(condition, {"message"}));
  }
  return out;
}

}  // namespace

struct Timeline::Change {
  uint64_t version;
  const char* kind;
  std::string name, state;
};

Timeline::Timeline(Server& server, Tell tell)
    : server_(server), tell_(std::move(tell)), watches_(std::size(kWatched)) {}
Timeline::~Timeline() = default;

void Timeline::drain(size_t index, WallTime now, std::vector<Change>& out) {
  auto& watch = watches_[index];
  const Watched& what = kWatched[index];
  if (!watch) {
    watch = server_.handle({.method = "GET", .path = what.path, .query = "watch=true"}, now).watch;
    STOWAGE_CHECK(watch != nullptr, "the server serves what the timeline watches");
  }
  while (const auto frame = watch->next()) {
    const Json json = Json::parse(*frame, nullptr, false);
    const std::string type = string_at(json, {"type"});
    // History holds far more than what happens between two looks.
    STOWAGE_CHECK(type != "ERROR", "the timeline's watch fell behind");
    if (type == "BOOKMARK") continue;
    const Json& object = json["object"];
    Change change{
        .version = std::strtoull(string_at(object, {"metadata", "resourceVersion"}).c_str(), nullptr, 10),
        .kind = what.kind,
        .name = string_at(object, {"metadata", "name"}),
        .state = "gone"};
    if (type != "DELETED") {
      change.state = index == 0 ? node_state(object) : index == 1 ? pod_state(object) : model_state(object);
    }
    out.push_back(std::move(change));
  }
}

void Timeline::poll(Millis at, WallTime now) {
  std::vector<Change> changes;
  for (size_t index = 0; index < watches_.size(); ++index)
    drain(index, now, changes);
  std::ranges::stable_sort(changes, {}, &Change::version);
  for (Change& change : changes) {
    std::string& last = last_[fmt::format("{} {}", change.kind, change.name)];
    if (last == change.state) continue;
    last = change.state;
    tell_({.at = at, .kind = change.kind, .name = std::move(change.name), .what = std::move(change.state)});
  }
}

}  // namespace stowage::sandbox
