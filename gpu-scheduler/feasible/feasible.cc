#include "gpu-scheduler/feasible/feasible.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "gpu-scheduler/engine/cluster_state.h"
#include "gpu-scheduler/engine/place.h"
#include "gpu-scheduler/feasible/json_documents.h"
#include "gpu-scheduler/translate.h"
#include "kube/runtime/text_file.h"

namespace stowage::feasible {
namespace {

template <class Map>
auto finder(const Map& map) {
  return [&map](std::string_view key) {
    const auto it = map.find(key);
    return it == map.end() ? nullptr : it->second;
  };
}

constexpr size_t kMostBytes = size_t{1} << 30;

using InUse = std::set<std::string, std::less<>>;

/// Claims of pods that have a node, by "ns/name".
InUse claims_in_use(const KubeList& list, const engine::ClusterState& state) {
  InUse out;
  for (const auto& [pod, place] : list.pods) {
    if (pod.terminal() || !state.find_node(pod.spec.node_name)) continue;
    for (const auto& volume : pod.spec.volumes)
      out.insert(pod.meta.ns + "/" + volume.claim);
  }
  return out;
}

scheduler::StorageLookup storage_of(const KubeList& list, const InUse& in_use) {
  scheduler::StorageLookup out;
  out.claim = finder(list.claims);
  out.volume = finder(list.volumes);
  out.storage_class = finder(list.classes);
  out.volumes_of_class = [&list](std::string_view name) {
    return scheduler::volumes_of_class(list.volumes, name);
  };
  out.claim_in_use = [&in_use](std::string_view key) { return in_use.contains(key); };
  out.each_node = [&list](const auto& use) {
    for (const auto& [node, place] : list.nodes)
      use(node.meta.name, node.meta.labels);
  };
  return out;
}

/// The pod now runs on its node.
Result<void> add_running(const api::Pod& pod, engine::NodeIndex node, engine::ClusterState& state) {
  TRY(const engine::ClassId pod_class, state.intern(scheduler::to_pod_class(pod, {})));
  TRY_VOID(state.add_pod({.name = pod.meta.key(),
                          .pod_class = pod_class,
                          .node = node,
                          .priority = pod.spec.priority,
                          .terminating = pod.terminating()}));
  return {};
}

Result<void> fill(const KubeList& list, engine::ClusterState& state) {
  for (const api::Namespace& name_space : list.namespaces)
    state.set_namespace(name_space.meta.name, name_space.meta.labels);
  for (const auto& [node, place] : list.nodes) {
    if (auto added = state.upsert_node(scheduler::to_node_spec(node, nullptr)); !added)
      return std::unexpected(place.context(std::move(added).error()));
  }
  for (const auto& [pod, place] : list.pods) {
    const auto node = state.find_node(pod.spec.node_name);
    if (pod.spec.node_name.empty() || pod.terminal() || !node) continue;
    if (auto added = add_running(pod, *node, state); !added)
      return std::unexpected(place.context(std::move(added).error()));
  }
  return {};
}

}  // namespace

Result<std::vector<Answer>> judge(const KubeList& list) {
  engine::ClusterState state;
  TRY_VOID(fill(list, state));
  const InUse in_use = claims_in_use(list, state);
  const scheduler::StorageLookup storage = storage_of(list, in_use);
  std::vector<Answer> out;
  for (const auto& [pod, place] : list.pods) {
    if (!pod.spec.node_name.empty()) continue;
    Answer& answer = out.emplace_back(Answer{.pod = pod.meta.ns + "/" + pod.meta.name, .nodes = {}});
    auto volumes = scheduler::volume_needs(pod, storage);
    if (!volumes) continue;  // No node serves its claims now.
    auto pod_class = state.intern(scheduler::to_pod_class(pod, {}, *std::move(volumes)));
    if (!pod_class) return std::unexpected(place.context(std::move(pod_class).error()));
    for (const engine::NodeIndex node : engine::feasible_nodes(state, *pod_class))
      answer.nodes.push_back(state.node_name(node));
    std::ranges::sort(answer.nodes);
  }
  return out;
}

std::string to_json(std::string_view file, const Answer& answer) {
  std::string out =
      fmt::format(R"({{"file":{},"pod":{},"feasible":[)", json_quote(file), json_quote(answer.pod));
  for (size_t i = 0; i < answer.nodes.size(); ++i)
    out += (i == 0 ? "" : ",") + json_quote(answer.nodes[i]);
  return out + "]}";
}

namespace {

/// Appends the file's lines to `lines`. Errors begin with the line of the file.
Result<void> answer_text(const std::string& file, std::string_view text, std::vector<std::string>& lines) {
  return each_document(text, [&](const Document& document) -> Result<void> {
    TRY(const KubeList list, decode_list(document.text, document.line));
    TRY(const std::vector<Answer> answers, judge(list));
    const std::string name = document.only ? file : fmt::format("{}#{}", file, document.number);
    for (const Answer& answer : answers)
      lines.push_back(to_json(name, answer));
    return {};
  });
}

}  // namespace

Result<void> run(const std::vector<std::string>& files,
                 const std::function<void(const std::string& line)>& print) {
  for (const std::string& file : files) {
    auto text = kube::read_text_file(file, kMostBytes);
    if (!text) return std::unexpected(std::move(text).error().context(file));
    std::vector<std::string> lines;
    if (auto done = answer_text(file, *text, lines); !done) {
      done.error().message = fmt::format("{}:{}", file, done.error().message);
      return done;
    }
    for (const std::string& line : lines)
      print(line);
  }
  return {};
}

}  // namespace stowage::feasible
