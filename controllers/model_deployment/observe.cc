#include "controllers/model_deployment/observe.h"

#include <fmt/format.h>

#include <algorithm>

#include "controllers/model_deployment/placeholders.h"

namespace stowage::model_deployment {
namespace {

bool owned_by(const api::ObjectMeta& child, const std::string& uid) {
  const auto* owner = child.controller();
  return owner != nullptr && owner->uid == uid;
}

kube::Ref<api::ModelRuntime> find_runtime(const Stores& stores, const std::string& name) {
  if (!name.empty()) return stores.runtimes.get(name);
  for (const auto& [key, runtime] : stores.runtimes.objects()) {
    if (runtime->meta.annotation(api::kDefaultRuntimeAnnotation) == "true") return runtime;
  }
  return nullptr;
}

std::optional<Issue> runtime_issue(const Observed& observed) {
  const auto& spec = observed.deployment->spec;
  if (observed.runtime == nullptr) {
    if (spec.runtime.name.empty()) {
      return Issue{
          "UnknownRuntime",
          "no ModelRuntime is annotated stowage.dev/default-runtime: \"true\": set spec.runtime.name, or "
          "annotate one (kubectl get mrt)"};
    }
    return Issue{"UnknownRuntime",
                 fmt::format("there is no ModelRuntime \"{}\": set spec.runtime.name to one of "
                             "kubectl get mrt, or create it",
                             spec.runtime.name)};
  }
  if (observed.shape && observed.shape->nodes > 1 && !observed.runtime->spec.multi_node) {
    return Issue{
        "RuntimeCannotSpanNodes",
        fmt::format(
            "a replica needs {} nodes and ModelRuntime \"{}\" runs on one: lower spec.parallelism, or "
            "choose a runtime with multiNode",
            observed.shape->nodes, observed.runtime->meta.name)};
  }
  return std::nullopt;
}

std::optional<Issue> placement_issue(const Observed& observed) {
  const auto& placement = observed.deployment->spec.placement;
  // The policy called default has built-in values, so that it may be missing.
  if (observed.policy == nullptr && placement.policy != "default") {
    return Issue{"UnknownPolicy",
                 fmt::format("there is no SchedulingPolicy \"{}\": set spec.placement.policy to one "
                             "of kubectl get spol, or create it",
                             placement.policy)};
  }
  const auto& levels = observed.policy != nullptr && !observed.policy->spec.topology_levels.empty()
                           ? observed.policy->spec.topology_levels
                           : api::default_topology_levels();
  for (const auto* level : {&placement.topology_level, &placement.spread_level}) {
    if (level->empty() || std::ranges::find(levels, *level, &api::TopologyLevel::name) != levels.end())
      continue;
    std::string known;
    for (const auto& entry : levels)
      known += (known.empty() ? "" : ", ") + entry.name;
    return Issue{"UnknownTopologyLevel", fmt::format("SchedulingPolicy \"{}\" has no level \"{}\"; it has {}",
                                                     placement.policy, *level, known)};
  }
  return std::nullopt;
}

void judge(Observed& observed) {
  const auto& spec = observed.deployment->spec;
  if (auto shape = derive_shape(spec)) {
    observed.shape = std::move(*shape);
  } else {
    observed.issue = Issue{"InvalidParallelism", shape.error().message};
    return;
  }
  if (auto model = resolve_model(spec.model.uri); !model) {
    observed.issue = Issue{"UnsupportedModelSource", model.error().message};
    return;
  }
  observed.issue = placement_issue(observed);
}

}  // namespace

const RevisionFact* Observed::revision(std::string_view name) const {
  const auto it =
      std::ranges::find_if(revisions, [&](const auto& r) { return r->meta.name == name && r->nodes > 0; });
  return it == revisions.end() ? nullptr : it->get();
}

const RevisionFact* Observed::revision_of_key(std::string_view key) const {
  const auto it =
      std::ranges::find_if(revisions, [&](const auto& r) { return r->key == key && r->nodes > 0; });
  return it == revisions.end() ? nullptr : it->get();
}

Observed observe(const Stores& stores, const std::string& key) {
  Observed out;
  out.deployment = stores.deployments.get(key);
  if (out.deployment == nullptr) return out;
  const std::string& uid = out.deployment->meta.uid;
  out.pods = stores.pods.by_index(kByDeployment, key);
  for (const auto& service : stores.services.by_index(kByDeployment, key)) {
    if (owned_by(service->meta, uid)) out.services.push_back(service);
  }
  for (const auto& revision : stores.revisions.by_index(kByDeployment, key)) {
    if (owned_by(revision->meta, uid)) out.revisions.push_back(revision);
  }
  std::ranges::sort(out.revisions, {}, [](const auto& r) { return r->number; });
  for (const auto& pod : out.pods) {
    if (pod->node.empty() || pod->meta.deleted || stores.nodes.get(pod->node) != nullptr) continue;
    if (std::ranges::find(out.unknown_nodes, pod->node) == out.unknown_nodes.end()) {
      out.unknown_nodes.push_back(pod->node);
    }
  }
  out.runtime = find_runtime(stores, out.deployment->spec.runtime.name);
  out.policy = stores.policies.get(out.deployment->spec.placement.policy);
  judge(out);
  // A runtime is needed to make a revision, not to go on with one.
  if (!out.issue && out.revision_of_key(out.deployment->spec.revision_key) == nullptr) {
    out.issue = runtime_issue(out);
  }
  return out;
}

}  // namespace stowage::model_deployment
