#include "sandbox/world/kubelets.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "api/core/json_walk.h"
#include "base/duration.h"
#include "base/quantity.h"
#include "gpu-scheduler/translate.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/watch.h"
#include "sandbox/world/node_room.h"
#include "sandbox/world/observed.h"
#include "sandbox/world/pod_status.h"

namespace stowage::sandbox {
namespace {

enum class Due { kReady, kFail, kSucceed, kRemove, kEvict };

struct Item {
  WallTime at;
  std::string uid;
  Due what;
  auto operator<=>(const Item&) const = default;
};

struct PodState {
  api::Pod pod;
  int64_t grace_seconds = 30;  ///< metadata.deletionGracePeriodSeconds once it is being deleted.
  bool accepted = false;
  bool stopping = false;
  std::string address;  ///< status.podIP, once it has one.
};

struct NodeState {
  std::string uid;
  NodeRoom room;
  std::set<std::string> images;
  std::set<std::string> weights;
  std::string address;  ///< InternalIP.
  bool silent = false;  ///< Its kubelet is not heard of.
};

/// How long the pod stays on a node with this NoExecute taint; nothing = for ever.
std::optional<Millis> tolerated(const api::Pod& pod, std::string_view taint) {
  bool matched = false;
  std::optional<int64_t> least;
  for (const api::Toleration& t : pod.spec.tolerations) {
    const bool key = t.key == taint || (t.key.empty() && t.op == "Exists");
    if (!key || (!t.effect.empty() && t.effect != "NoExecute")) continue;
    matched = true;
    if (t.seconds) least = std::min(least.value_or(INT64_MAX), std::max<int64_t>(0, *t.seconds));
  }
  if (!matched) return Millis{0};
  return least ? std::optional<Millis>(std::chrono::seconds(std::min<int64_t>(*least, 1'000'000)))
               : std::nullopt;
}

std::optional<Millis> wish(const api::Pod& pod, std::string_view name) {
  return parse_duration(pod.meta.annotation("test.stowage.dev/" + std::string(name)));
}

}  // namespace

struct Kubelets::State {
  Server& server;
  KubeletTimes times;
  std::unique_ptr<Watch> pod_watch, node_watch;
  std::map<std::string, PodState> pods;    // by UID
  std::map<std::string, NodeState> nodes;  // by name
  std::map<std::string, std::set<std::string>>
      pods_of_node;  // node name -> UIDs, also of nodes that are gone
  std::set<Item> due;
  PodAddresses addresses;
  std::function<void()> changed;
  PodListener* listener = nullptr;
  bool wrote = false;

  State(Server& target, KubeletTimes how) : server(target), times(how) {}

  Response call(std::string method, std::string path, std::string query, std::string type, std::string body,
                WallTime now) {
    return server.handle(Request{.method = std::move(method),
                                 .path = std::move(path),
                                 .query = std::move(query),
                                 .content_type = std::move(type),
                                 .user_agent = "kubelet/1.37",
                                 .user = "system:node",
                                 .body = std::move(body)},
                         now);
  }

  std::unique_ptr<Watch> open(const char* path, WallTime now) {
    auto watch = call("GET", path, "watch=true", "", "", now).watch;
    if (watch && changed) watch->on_change(changed);
    return watch;
  }

  static std::string path(const api::Pod& pod) {
    return "/api/v1/namespaces/" + pod.meta.ns + "/pods/" + pod.meta.name;
  }

  void patch_status(const api::Pod& pod, std::string body, WallTime now) {
    wrote = true;
    call("PATCH", path(pod) + "/status", "", "application/strategic-merge-patch+json", std::move(body), now);
  }

  void remove(const api::Pod& pod, WallTime now) {
    wrote = true;
    const nlohmann::json options = {{"kind", "DeleteOptions"},
                                    {"apiVersion", "v1"},
                                    {"gracePeriodSeconds", 0},
                                    {"preconditions", {{"uid", pod.meta.uid}}}};
    call("DELETE", path(pod), "", "application/json", options.dump(), now);
  }

  void forget_due(const std::string& uid) {
    std::erase_if(due, [&](const Item& item) { return item.uid == uid; });
  }

  [[nodiscard]] Millis start_up(NodeState& node, const api::Pod& pod) {
    if (const auto wanted = wish(pod, "startup")) return *wanted;
    Millis total = times.warm_up;
    for (const auto& container : pod.spec.containers) {
      if (node.images.insert(container.image).second) total += times.image_pull;
    }
    const auto size = parse_quantity(pod.meta.annotation("stowage.dev/model-size"));
    if (size) {
      const bool cached = !node.weights.insert(pod.meta.label("stowage.dev/deployment")).second;
      const double gib = static_cast<double>(std::clamp<int64_t>(*size, 0, int64_t{1} << 50)) / (1 << 30);
      const Millis rate = cached ? times.cached_load_per_gib : times.load_per_gib;
      total += Millis{static_cast<int64_t>(gib * static_cast<double>(rate.count()))};
    }
    return total;
  }

  void admit(PodState& state, WallTime now) {
    const auto node = nodes.find(state.pod.spec.node_name);
    if (node == nodes.end()) return;  // no kubelet there: the garbage collector's business
    if (node->second.silent) return;  // when it is back
    const std::string& uid = state.pod.meta.uid;
    const auto short_of = node->second.room.admit(uid, scheduler::effective_requests(state.pod.spec));
    state.accepted = true;
    if (short_of) {
      patch_status(state.pod,
                   rejected_patch(state.pod, now, "OutOf" + *short_of,
                                  "Node didn't have enough resource: " + *short_of),
                   now);
      return;
    }
    const Millis wait = start_up(node->second, state.pod);
    patch_status(state.pod, starting_patch(state.pod, now, node->second.address), now);
    due.insert({.at = now + wait, .uid = uid, .what = Due::kReady});
  }

  /// Its own address as long as it lives, whatever happens to the node; that of the node if it shares the
  /// network.
  PodAddress address_of(PodState& state) {
    const auto node = nodes.find(state.pod.spec.node_name);
    const std::string host = node == nodes.end() ? "" : node->second.address;
    if (state.pod.spec.host_network) return {.host = host, .pod = host};
    if (state.address.empty()) state.address = addresses.give();
    return {.host = host, .pod = state.address};
  }

  void stop(PodState& state, WallTime now) {
    if (state.stopping) return;
    state.stopping = true;
    forget_due(state.pod.meta.uid);
    const Millis grace = std::chrono::seconds{state.grace_seconds};
    const bool whole = state.pod.meta.annotation("test.stowage.dev/termination") == "grace";
    const Millis wait =
        whole ? grace : std::min(grace, wish(state.pod, "termination").value_or(times.termination));
    due.insert({.at = now + wait, .uid = state.pod.meta.uid, .what = Due::kRemove});
  }

  void gone(const std::string& uid, WallTime now) {
    if (listener != nullptr) listener->pod_gone(uid, now);
  }

  /// Replaces the taints of outages by those of `key`; null = none.
  void set_outage_taint(const std::string& name, const char* key, WallTime now) {
    const std::string path = "/api/v1/nodes/" + name;
    const Json node = Json::parse(call("GET", path, "", "", "", now).body, nullptr, false);
    Json taints = Json::array();
    if (const Json* present = find_path(node, {"spec", "taints"})) {
      for (const Json& taint : *present) {
        const std::string own = string_at(taint, {"key"});
        if (own != kNotReadyTaint && own != kUnreachableTaint) taints.push_back(taint);
      }
    }
    if (key != nullptr) {
      taints.push_back({{"key", key}, {"effect", "NoSchedule"}, {"timeAdded", format_rfc3339(now)}});
      taints.push_back({{"key", key}, {"effect", "NoExecute"}, {"timeAdded", format_rfc3339(now)}});
    }
    wrote = true;
    call("PATCH", path, "", "application/merge-patch+json", Json{{"spec", {{"taints", taints}}}}.dump(), now);
  }

  void node_silent(const std::string& name, const char* taint, WallTime now) {
    set_outage_taint(name, taint, now);
    for (const std::string& uid : pods_of_node[name]) {
      PodState& state = pods.at(uid);
      forget_due(uid);
      if (state.pod.terminal()) continue;
      gone(uid, now);
      patch_status(state.pod, readiness_patch(state.pod, now, false, "NodeNotReady"), now);
      if (state.pod.terminating()) continue;
      if (const auto wait = tolerated(state.pod, taint)) due.insert({now + *wait, uid, Due::kEvict});
    }
  }

  void node_back(const std::string& name, WallTime now) {
    set_outage_taint(name, nullptr, now);
    for (const std::string& uid : pods_of_node[name]) {
      PodState& state = pods.at(uid);
      forget_due(uid);
      if (state.pod.terminal()) continue;
      if (state.pod.terminating()) {
        state.stopping = false;
        stop(state, now);
      } else if (!state.accepted) {
        admit(state, now);
      } else if (state.pod.status.phase == "Running") {
        patch_status(state.pod, readiness_patch(state.pod, now, true, nullptr), now);
        if (listener != nullptr) listener->pod_ready(state.pod, now);
      } else {
        due.insert({now + times.warm_up, uid, Due::kReady});
      }
    }
  }

  void evict(const api::Pod& pod, WallTime now) {
    wrote = true;
    const Json options = {
        {"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"preconditions", {{"uid", pod.meta.uid}}}};
    call("DELETE", path(pod), "", "application/json", options.dump(), now);
  }

  void node_gone(const std::string& name, WallTime now) {
    nodes.erase(name);
    for (const std::string& uid : pods_of_node[name]) {
      forget_due(uid);
      due.insert({.at = now + times.pod_gc, .uid = uid, .what = Due::kRemove});
    }
  }

  void on_pod(const Frame& frame, WallTime now) {
    auto decoded = api::decode_pod(frame.object);
    if (!decoded || decoded->spec.node_name.empty()) return;
    const std::string uid = decoded->meta.uid;
    const std::string node = decoded->spec.node_name;
    if (frame.type == "DELETED") {
      forget_due(uid);
      gone(uid, now);
      addresses.give_back(pods[uid].address);
      pods.erase(uid);
      pods_of_node[node].erase(uid);
      if (const auto it = nodes.find(node); it != nodes.end()) it->second.room.release(uid);
      return;
    }
    const bool fresh = !pods.contains(uid);
    PodState& state = pods[uid];
    state.pod = *std::move(decoded);
    // Bound to a node that is not there: the pod garbage collector's business.
    if (fresh && !nodes.contains(node))
      due.insert({.at = now + times.pod_gc, .uid = uid, .what = Due::kRemove});
    pods_of_node[node].insert(uid);
    if (const auto it = nodes.find(node); state.pod.terminal() && it != nodes.end()) {
      // It runs no more; whether it is removed was decided by others.
      if (!state.stopping) forget_due(uid);
      it->second.room.release(uid);
    }
    if (state.pod.terminating()) {
      state.grace_seconds = grace_seconds(frame.object);
      if (const auto it = nodes.find(node); it != nodes.end() && !it->second.silent) stop(state, now);
    } else if (!state.accepted && !state.pod.terminal()) {
      if (!take_over(state, frame.object, now)) admit(state, now);
    }
  }

  /// A pod that ran before this kubelet began (a snapshot of a real cluster) goes on running.
  bool take_over(PodState& state, std::string_view text, WallTime now) {
    const auto node = nodes.find(state.pod.spec.node_name);
    if (node == nodes.end() || state.pod.status.phase != "Running") return false;
    state.address = pod_address(text);
    addresses.take(state.address);
    state.accepted =
        !node->second.room.admit(state.pod.meta.uid, scheduler::effective_requests(state.pod.spec));
    if (state.accepted && listener != nullptr) listener->pod_ready(state.pod, now);
    return state.accepted;
  }

  void on_node(const Frame& frame, WallTime now) {
    auto node = api::decode_node(frame.object);
    if (!node) return;
    if (frame.type == "DELETED") return node_gone(node->meta.name, now);
    const bool fresh = !nodes.contains(node->meta.name);
    NodeState& state = nodes[node->meta.name];
    state.uid = node->meta.uid;
    state.room.set_allocatable(node->allocatable);
    state.address = node_address(frame.object);
    const char* outage = times.node_lifecycle ? outage_of(frame.object) : nullptr;
    const bool was_silent = std::exchange(state.silent, outage != nullptr);
    if (outage != nullptr && !was_silent) node_silent(node->meta.name, outage, now);
    if (outage == nullptr && was_silent) node_back(node->meta.name, now);
    if (!fresh || outage != nullptr) return;
    // A node that came back under its old name knows nothing of the pods that were bound to it: they start
    // again.
    for (const std::string& uid : pods_of_node[node->meta.name]) {
      PodState& pod = pods.at(uid);
      forget_due(uid);
      if (pod.pod.terminating()) {
        pod.stopping = false;
        stop(pod, now);
      } else if (!pod.pod.terminal()) {
        admit(pod, now);
      }
    }
  }

  template <class Handler>
  void drain(std::unique_ptr<Watch>& watch, const char* path, WallTime now, Handler handler) {
    if (!watch || watch->ended()) watch = open(path, now);
    while (watch) {
      const auto frame = next_frame(*watch);
      if (!frame) break;
      if (frame->type == "ERROR") {
        watch = open(path, now);  // fell out of the history: everything is sent again as ADDED
      } else if (frame->type != "BOOKMARK") {
        handler(*frame);
      }
    }
  }

  void run(const Item& item, WallTime now) {
    const auto it = pods.find(item.uid);
    if (it == pods.end()) return;
    const api::Pod pod = it->second.pod;
    const auto ready = [&] { return ready_patch(pod, now, address_of(it->second)); };
    switch (item.what) {
      case Due::kReady:
        patch_status(pod, ready(), now);
        if (listener != nullptr) listener->pod_ready(pod, now);
        if (const auto after = wish(pod, "fail")) due.insert({now + *after, item.uid, Due::kFail});
        if (const auto after = wish(pod, "complete")) due.insert({now + *after, item.uid, Due::kSucceed});
        break;
      case Due::kFail:
        gone(item.uid, now);
        patch_status(pod, finished_patch(pod, now, false), now);
        break;
      case Due::kSucceed:
        gone(item.uid, now);
        patch_status(pod, finished_patch(pod, now, true), now);
        break;
      case Due::kRemove:
        gone(item.uid, now);
        remove(pod, now);
        break;
      case Due::kEvict:
        evict(pod, now);
        break;
    }
  }
};

Kubelets::Kubelets(Server& server, KubeletTimes times) : state_(std::make_unique<State>(server, times)) {}
Kubelets::~Kubelets() = default;

bool Kubelets::step(WallTime now) {
  State& state = *state_;
  state.wrote = false;
  state.drain(state.node_watch, "/api/v1/nodes", now, [&](const Frame& frame) { state.on_node(frame, now); });
  state.drain(state.pod_watch, "/api/v1/pods", now, [&](const Frame& frame) { state.on_pod(frame, now); });
  while (!state.due.empty() && state.due.begin()->at <= now) {
    const Item item = *state.due.begin();
    state.due.erase(state.due.begin());
    state.run(item, now);
  }
  return state.wrote;
}

std::optional<WallTime> Kubelets::next_due() const {
  if (state_->due.empty()) return std::nullopt;
  return state_->due.begin()->at;
}

void Kubelets::tell(PodListener* listener) {
  state_->listener = listener;
}

void Kubelets::shut_down(const std::string& node, WallTime now) {
  State& state = *state_;
  for (const std::string& uid : state.pods_of_node[node]) {
    PodState& pod = state.pods.at(uid);
    if (pod.pod.terminal()) continue;
    state.forget_due(uid);
    state.gone(uid, now);
    state.patch_status(pod.pod, terminated_patch(pod.pod, now), now);
  }
}

void Kubelets::on_change(std::function<void()> call) {
  state_->changed = std::move(call);
  if (state_->pod_watch) state_->pod_watch->on_change(state_->changed);
  if (state_->node_watch) state_->node_watch->on_change(state_->changed);
}

}  // namespace stowage::sandbox
