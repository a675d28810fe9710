#include "api/stowage/v1alpha1/model_deployment.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "api/core/json_walk.h"
#include "api/stowage/v1alpha1/duration.h"

namespace stowage::api {
namespace {

using Json = nlohmann::json;

void read(JsonValue value, EnvVar& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "name") read(field, out.name);
    if (key == "value") read(field, out.value);
  });
}

void read(JsonValue value, ModelSource& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "uri") read(field, out.uri);
    if (key == "revision") read(field, out.revision);
    if (key == "servedName") read(field, out.served_name);
    if (key == "credentialsSecret") read(field, out.credentials_secret);
  });
}

void read(JsonValue value, RuntimeChoice& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "name") read(field, out.name);
    if (key == "image") read(field, out.image);
    if (key == "args") read(field, out.args);
    if (key == "env") field.array([&](JsonValue item) { read(item, out.env.emplace_back()); });
  });
}

void read(JsonValue value, Parallelism& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "tensor") read(field, out.tensor);
    if (key == "pipeline") read(field, out.pipeline);
    if (key == "data") read(field, out.data);
    if (key == "expert") read(field, out.expert);
  });
}

void read(JsonValue value, AcceleratorDemand& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "resource") read(field, out.resource);
    if (key == "products") read(field, out.products);
    if (key == "minMemory") out.min_memory_bytes = field.quantity(false);
    if (key == "perNode") read(field, out.per_node);
    if (key == "nodesPerReplica") read(field, out.nodes_per_replica);
  });
}

void read_toleration(JsonValue value, Toleration& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "key") read(field, out.key);
    if (key == "operator") read(field, out.op);
    if (key == "value") read(field, out.value);
    if (key == "effect") read(field, out.effect);
    if (key == "tolerationSeconds") read(field, out.seconds);
  });
}

void read_topology(JsonValue value, Placement& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "level") read(field, out.topology_level);
    if (key == "mode") out.topology_required = field.text() != "Preferred";
  });
}

void read_spread(JsonValue value, Placement& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "level") read(field, out.spread_level);
    if (key == "maxSkew") read(field, out.spread_max_skew);
  });
}

void read_residency(JsonValue value, Placement& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "regions") read(field, out.regions);
    if (key == "zones") read(field, out.zones);
  });
}

void read(JsonValue value, Placement& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "policy") read(field, out.policy);
    if (key == "priorityClassName") read(field, out.priority_class);
    if (key == "topology") read_topology(field, out);
    if (key == "spread") read_spread(field, out);
    if (key == "residency") read_residency(field, out);
    if (key == "nodeSelector") read(field, out.node_selector);
    if (key == "tolerations") {
      field.array([&](JsonValue item) { read_toleration(item, out.tolerations.emplace_back()); });
    }
  });
}

void read_tiers(JsonValue value, std::vector<std::string>& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key != "tiers") return;
    field.array([&](JsonValue item) {
      item.object([&](std::string_view name, JsonValue type) {
        if (name == "type") read(type, out.emplace_back());
      });
    });
  });
}

void read_budget(JsonValue value, RolloutLimits& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "restarts") read(field, out.budget_restarts);
    if (key == "window") read_duration(field, out.budget_window);
  });
}

void read(JsonValue value, RolloutLimits& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "maxSurge") read(field, out.max_surge);
    if (key == "maxUnavailable") read(field, out.max_unavailable);
    if (key == "progressDeadline") read_duration(field, out.progress_deadline);
    if (key == "restartBudget") read_budget(field, out);
  });
}

// What pods are made of. Counts, rollout limits and suspend say how many pods there are and when, not what
// they are: changing them must never make a revision. Placement levels are read by the scheduler from the
// pods, so they do. Empty values are dropped, so that `args: []` and no args are the same.
std::string revision_key(std::string_view spec_text) {
  Json spec = Json::parse(spec_text, nullptr, false);
  if (!spec.is_object()) return {};
  for (const char* key : {"replicas", "rollout", "suspend"})
    spec.erase(key);
  if (auto model = spec.find("model"); model != spec.end() && model->is_object()) {
    if (auto revision = model->find("revision"); revision != model->end() && *revision == "") {
      model->erase(revision);
    }
  }
  for (auto it = spec.begin(); it != spec.end();) {
    if (it->is_object()) {
      for (auto inner = it->begin(); inner != it->end();)
        inner = inner->empty() && inner->is_structured() ? it->erase(inner) : std::next(inner);
    }
    it = (it->empty() && it->is_structured()) || it->is_null() ? spec.erase(it) : std::next(it);
  }
  return spec.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void read(JsonValue value, ModelDeploymentSpec& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "model") read(field, out.model);
    if (key == "runtime") read(field, out.runtime);
    if (key == "replicas") read(field, out.replicas);
    if (key == "parallelism") read(field, out.parallelism.emplace());
    if (key == "accelerator") read(field, out.accelerator);
    if (key == "placement") read(field, out.placement);
    if (key == "capacity") read_tiers(field, out.tiers);
    if (key == "rollout") read(field, out.rollout);
    if (key == "suspend") read(field, out.suspend);
    if (key == "podTemplate") out.pod_template = field.raw();
  });
}

void read(JsonValue value, ReplicaAttempt& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "replica") read(field, out.replica);
    if (key == "attempt") read(field, out.attempt);
    if (key == "restarts") read(field, out.restarts);
    if (key == "since") read(field, out.since);
    if (key == "forgiven") read(field, out.forgiven);
  });
}

void read(JsonValue value, AppliedObject& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "kind") read(field, out.kind);
    if (key == "name") read(field, out.name);
    if (key == "generation") read(field, out.generation);
  });
}

void read(JsonValue value, SelectedValue& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "field") read(field, out.field);
    if (key == "value") read(field, out.value);
    if (key == "reason") read(field, out.reason);
  });
}

void read_model_status(JsonValue value, ModelDeploymentStatus& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "servedName") read(field, out.served_name);
  });
}

void read(JsonValue value, ModelDeploymentStatus& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "observedGeneration") read(field, out.observed_generation);
    if (key == "replicas") read(field, out.replicas);
    if (key == "readyReplicas") read(field, out.ready_replicas);
    if (key == "updatedReplicas") read(field, out.updated_replicas);
    if (key == "selector") read(field, out.selector);
    if (key == "ready") read(field, out.ready);
    if (key == "placed") read(field, out.placed);
    if (key == "accelerator") read(field, out.accelerator);
    if (key == "nodesPerReplica") read(field, out.nodes_per_replica);
    if (key == "currentRevision") read(field, out.current_revision);
    if (key == "updateRevision") read(field, out.update_revision);
    if (key == "model") read_model_status(field, out);
    if (key == "attempts") field.array([&](JsonValue item) { read(item, out.attempts.emplace_back()); });
    if (key == "applied") field.array([&](JsonValue item) { read(item, out.applied.emplace_back()); });
    if (key == "selected") field.array([&](JsonValue item) { read(item, out.selected.emplace_back()); });
    if (key == "conditions") read(field, out.conditions);
  });
}

Json encode(const Condition& condition) {
  return {{"type", condition.type},
          {"status", condition.status},
          {"reason", condition.reason},
          {"message", condition.message},
          {"observedGeneration", condition.observed_generation},
          {"lastTransitionTime", format_rfc3339(condition.last_transition)}};
}

Json encode(const ModelDeploymentStatus& status) {
  Json out = {{"observedGeneration", status.observed_generation},
              {"replicas", status.replicas},
              {"readyReplicas", status.ready_replicas},
              {"updatedReplicas", status.updated_replicas},
              {"selector", status.selector},
              {"ready", status.ready},
              {"placed", status.placed}};
  const auto text = [&out](const char* key, const std::string& value) {
    if (!value.empty()) out[key] = value;
  };
  text("accelerator", status.accelerator);
  text("currentRevision", status.current_revision);
  text("updateRevision", status.update_revision);
  if (status.nodes_per_replica != 0) out["nodesPerReplica"] = status.nodes_per_replica;
  if (!status.served_name.empty()) out["model"] = {{"servedName", status.served_name}};
  for (const auto& entry : status.attempts) {
    out["attempts"].push_back({{"replica", entry.replica},
                               {"attempt", entry.attempt},
                               {"restarts", entry.restarts},
                               {"since", format_rfc3339(entry.since)}});
    if (entry.forgiven != 0) out["attempts"].back()["forgiven"] = entry.forgiven;
  }
  for (const auto& object : status.applied) {
    out["applied"].push_back(
        {{"kind", object.kind}, {"name", object.name}, {"generation", object.generation}});
  }
  for (const auto& choice : status.selected) {
    out["selected"].push_back({{"field", choice.field}, {"value", choice.value}, {"reason", choice.reason}});
  }
  for (const auto& condition : status.conditions)
    out["conditions"].push_back(encode(condition));
  return out;
}

}  // namespace

Result<ModelDeployment> decode_model_deployment(std::string_view json) {
  ModelDeployment out;
  std::string spec;
  TRY_VOID(read_json(json, [&](JsonValue root) {
    root.object([&](std::string_view key, JsonValue field) {
      if (key == "metadata") read(field, out.meta);
      if (key == "spec") spec = field.raw();
      if (key == "status") read(field, out.status);
    });
  }));
  if (spec.empty()) return out;
  auto parsed = read_json(spec, [&](JsonValue root) { read(root, out.spec); });
  if (!parsed) return std::unexpected(std::move(parsed).error().context("spec"));
  out.spec.revision_key = revision_key(spec);
  return out;
}

std::string encode_status_apply(const ObjectMeta& meta, const ModelDeploymentStatus& status) {
  const Json body = {{"apiVersion", "stowage.dev/v1alpha1"},
                     {"kind", "ModelDeployment"},
                     {"metadata",
                      {{"name", meta.name},
                       {"namespace", meta.ns},
                       {"uid", meta.uid},
                       {"resourceVersion", meta.resource_version}}},
                     {"status", encode(status)}};
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace stowage::api
