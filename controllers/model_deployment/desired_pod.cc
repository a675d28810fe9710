#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/quantity.h"
#include "controllers/model_deployment/desired.h"
#include "controllers/model_deployment/names.h"
#include "controllers/model_deployment/placeholders.h"
#include "controllers/model_deployment/pod_template.h"

namespace stowage::model_deployment {
namespace {

using Json = nlohmann::json;

// A home that any user may write: stock images have only root's.
constexpr const char* kHome = "/home/stowage";

// Where spot nodes are tainted; elsewhere they carry labels alone.
constexpr std::pair<const char*, const char*> kSpotTaints[] = {
    {"karpenter.sh/capacity-type", "spot"},
    {"cloud.google.com/gke-spot", "true"},
    {"kubernetes.azure.com/scalesetpriority", "spot"},
    {"node.kubernetes.io/lifecycle", "spot"},
};

struct Context {
  const api::ModelDeployment& deployment;
  const api::ModelRuntime& runtime;
  const Shape& shape;
  ModelPath model;
  Placeholders values;
};

std::string join(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ","));
}

Json tolerations(const api::ModelDeploymentSpec& spec) {
  Json out = Json::array();
  out.push_back({{"key", spec.accelerator.resource}, {"operator", "Exists"}, {"effect", "NoSchedule"}});
  if (std::ranges::find(spec.tiers, "Spot") != spec.tiers.end()) {
    for (const auto& [key, value] : kSpotTaints)
      out.push_back({{"key", key}, {"operator", "Equal"}, {"value", value}, {"effect", "NoSchedule"}});
  }
  for (const auto& toleration : spec.placement.tolerations) {
    Json entry = {{"key", toleration.key}};
    if (!toleration.op.empty()) entry["operator"] = toleration.op;
    if (!toleration.value.empty()) entry["value"] = toleration.value;
    if (!toleration.effect.empty()) entry["effect"] = toleration.effect;
    if (toleration.seconds) entry["tolerationSeconds"] = *toleration.seconds;
    out.push_back(std::move(entry));
  }
  return out;
}

// Residency is a hard rule of the pod itself, so that no scheduler can place it elsewhere.
void add_residency(const api::Placement& placement, Json& spec) {
  Json expressions = Json::array();
  const auto in = [&expressions](const char* key, const std::vector<std::string>& values) {
    if (!values.empty()) expressions.push_back({{"key", key}, {"operator", "In"}, {"values", values}});
  };
  in("topology.kubernetes.io/region", placement.regions);
  in("topology.kubernetes.io/zone", placement.zones);
  if (expressions.empty()) return;
  Json term = {{"matchExpressions", std::move(expressions)}};
  spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"] =
      Json::array({std::move(term)});
}

// The gang contract with the scheduler; the group itself is added when a pod is made.
Json annotations(const api::ModelDeploymentSpec& spec) {
  Json out = Json::object();
  const auto set = [&out](std::string_view key, std::string value) {
    out[std::string(key)] = std::move(value);
  };
  const auto& placement = spec.placement;
  set(kPolicyAnnotation, placement.policy);
  set(kModelAnnotation, spec.model.uri + (spec.model.revision.empty() ? "" : "@" + spec.model.revision));
  if (!placement.topology_level.empty()) {
    set(placement.topology_required ? kTopologyRequiredAnnotation : kTopologyPreferredAnnotation,
        placement.topology_level);
  }
  if (!placement.spread_level.empty()) {
    set(kSpreadAnnotation, fmt::format("{}/{}", placement.spread_level, placement.spread_max_skew));
  }
  if (!spec.accelerator.products.empty()) set(kProductsAnnotation, join(spec.accelerator.products));
  if (spec.accelerator.min_memory_bytes > 0) {
    set(kDeviceMemoryAnnotation, format_bytes(spec.accelerator.min_memory_bytes));
  }
  if (!spec.tiers.empty()) set(kTiersAnnotation, join(spec.tiers));
  return out;
}

Result<Json> environment(const Context& context) {
  Json out = Json::array();
  const auto set = [&out](const std::string& name, const std::string& value) {
    for (Json& entry : out) {
      if (entry["name"] != name) continue;
      entry["value"] = value;
      return;
    }
    out.push_back({{"name", name}, {"value", value}});
  };
  set("HOME", kHome);
  set("USER", "stowage");
  set("LOGNAME", "stowage");
  set("HF_HOME", std::string(kHome) + "/.cache/huggingface");
  set("XDG_CACHE_HOME", std::string(kHome) + "/.cache");
  if (context.shape.nodes > 1) {
    const std::string port = context.values.at("leader.port");
    set("STOWAGE_RANK", "{{rank}}");
    set("STOWAGE_NODES", context.values.at("nodes"));
    set("STOWAGE_WORLD_SIZE", context.values.at("worldSize"));
    set("STOWAGE_LEADER_ADDRESS", "{{leader.address}}");
    // The names that torchrun and most launchers look for.
    set("MASTER_ADDR", "{{leader.address}}");
    set("MASTER_PORT", port);
    set("NODE_RANK", "{{rank}}");
    set("NNODES", context.values.at("nodes"));
  }
  for (const auto* list : {&context.runtime.spec.env, &context.deployment.spec.runtime.env}) {
    for (const auto& variable : *list) {
      bool empty = false;
      TRY(const std::string value, substitute(variable.value, context.values, empty));
      set(variable.name, value);
    }
  }
  const std::string& secret = context.deployment.spec.model.credentials_secret;
  const bool given = std::ranges::any_of(out, [](const Json& entry) { return entry["name"] == "HF_TOKEN"; });
  if (!secret.empty() && !given) {
    out.push_back(
        {{"name", "HF_TOKEN"}, {"valueFrom", {{"secretKeyRef", {{"name", secret}, {"key", "HF_TOKEN"}}}}}});
  }
  return out;
}

Result<Json> arguments(const Context& context, const api::RuntimeMember* member) {
  const auto& runtime = context.runtime.spec;
  std::vector<std::string> args = member != nullptr && !member->args.empty() ? member->args : runtime.args;
  const auto append = [&args](const std::vector<std::string>& more) {
    args.insert(args.end(), more.begin(), more.end());
  };
  if (context.shape.parallelism.data > 1) append(runtime.data_parallel_args);
  if (context.shape.parallelism.expert) append(runtime.expert_parallel_args);
  append(context.deployment.spec.runtime.args);
  TRY(auto done, substitute_all(args, context.values));
  return Json(std::move(done));
}

Json probe(const api::ModelRuntimeSpec& runtime, int32_t failures) {
  return {{"httpGet", {{"path", runtime.probe_path}, {"port", "http"}}},
          {"periodSeconds", runtime.probe_period_seconds},
          {"timeoutSeconds", std::min(5, runtime.probe_period_seconds)},
          {"failureThreshold", failures}};
}

void add_probes(const api::ModelRuntimeSpec& runtime, Json& container) {
  const int32_t tries = std::max(
      1, (runtime.probe_startup_seconds + runtime.probe_period_seconds - 1) / runtime.probe_period_seconds);
  container["startupProbe"] = probe(runtime, tries);
  container["readinessProbe"] = probe(runtime, runtime.probe_failure_threshold);
  container["livenessProbe"] = probe(runtime, runtime.probe_failure_threshold);
}

Json resources(const Context& context) {
  const auto& runtime = context.runtime.spec;
  const int64_t devices = context.shape.per_node;
  Json requests = {{"cpu", format_milli(runtime.cpu_milli_per_device * devices)},
                   {"memory", format_bytes(runtime.memory_bytes_per_device * devices)}};
  Json limits = Json::object();
  const std::string& resource = context.deployment.spec.accelerator.resource;
  requests[resource] = limits[resource] = fmt::format("{}", devices);
  return {{"requests", std::move(requests)}, {"limits", std::move(limits)}};
}

Result<Json> engine(const Context& context, const api::RuntimeMember* member, bool serves) {
  const auto& runtime = context.runtime.spec;
  const auto& spec = context.deployment.spec;
  Json out = {{"name", kEngineContainer},
              {"image", spec.runtime.image.empty() ? runtime.image : spec.runtime.image}};
  const auto& command = member != nullptr && !member->command.empty() ? member->command : runtime.command;
  if (!command.empty()) {
    TRY(auto words, substitute_all(command, context.values));
    out["command"] = std::move(words);
  }
  TRY(Json args, arguments(context, member));
  if (!args.empty()) out["args"] = std::move(args);
  TRY(out["env"], environment(context));
  out["ports"] = Json::array({{{"name", "http"}, {"containerPort", runtime.port}}});
  out["resources"] = resources(context);
  if (serves) add_probes(runtime, out);
  if (runtime.drain_pre_stop_seconds > 0) {
    out["lifecycle"] = {{"preStop", {{"sleep", {{"seconds", runtime.drain_pre_stop_seconds}}}}}};
  }
  Json capabilities = {{"drop", {"ALL"}}};
  if (!runtime.add_capabilities.empty()) capabilities["add"] = runtime.add_capabilities;
  out["securityContext"] = {{"allowPrivilegeEscalation", false}, {"capabilities", std::move(capabilities)}};
  out["volumeMounts"] = Json::array({{{"name", "home"}, {"mountPath", kHome}}});
  if (runtime.shared_memory_bytes > 0) {
    out["volumeMounts"].push_back({{"name", "shm"}, {"mountPath", "/dev/shm"}});
  }
  if (!context.model.claim.empty()) {
    out["volumeMounts"].push_back({{"name", "model"}, {"mountPath", "/models"}, {"readOnly", true}});
  }
  return out;
}

Json volumes(const Context& context) {
  Json out = Json::array({{{"name", "home"}, {"emptyDir", Json::object()}}});
  const int64_t shared = context.runtime.spec.shared_memory_bytes;
  if (shared > 0) {
    out.push_back(
        {{"name", "shm"},
         {"emptyDir", {{"medium", "Memory"}, {"sizeLimit", format_bytes(shared * context.shape.per_node)}}}});
  }
  if (!context.model.claim.empty()) {
    out.push_back({{"name", "model"},
                   {"persistentVolumeClaim", {{"claimName", context.model.claim}, {"readOnly", true}}}});
  }
  return out;
}

Result<Json> pod_template(const Context& context, const api::RuntimeMember* member, bool serves) {
  const auto& runtime = context.runtime.spec;
  const auto& spec = context.deployment.spec;
  TRY(Json container, engine(context, member, serves));
  Json pod = {
      {"schedulerName", "stowage"},
      // A member of a gang that restarts alone finds the others in the middle of their work: the group
      // restarts whole.
      {"restartPolicy", context.shape.nodes > 1 ? "Never" : "Always"},
      {"terminationGracePeriodSeconds", runtime.drain_grace_seconds},
      {"automountServiceAccountToken", false},
      {"enableServiceLinks", false},
      {"securityContext",
       {{"runAsNonRoot", true},
        {"runAsUser", runtime.run_as_user},
        {"runAsGroup", runtime.fs_group},
        {"fsGroup", runtime.fs_group},
        {"fsGroupChangePolicy", "OnRootMismatch"},
        {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
      {"containers", Json::array({std::move(container)})},
      {"volumes", volumes(context)},
      {"tolerations", tolerations(spec)},
  };
  if (!spec.placement.priority_class.empty()) pod["priorityClassName"] = spec.placement.priority_class;
  if (!spec.placement.node_selector.empty()) pod["nodeSelector"] = spec.placement.node_selector;
  add_residency(spec.placement, pod);
  Json out = {{"metadata", {{"labels", Json::object()}, {"annotations", annotations(spec)}}},
              {"spec", std::move(pod)}};
  if (!spec.pod_template.empty()) {
    const Json overlay = Json::parse(spec.pod_template, nullptr, false);
    TRY_VOID(merge_pod_template(out, overlay, spec.accelerator.resource));
  }
  return out;
}

}  // namespace

Result<std::string> render_revision(const api::ModelDeployment& deployment, const api::ModelRuntime& runtime,
                                    const Shape& shape) {
  TRY(ModelPath model, resolve_model(deployment.spec.model.uri));
  Context context{deployment, runtime, shape, model, placeholders(deployment, runtime, shape, model)};
  Json out = {{"key", deployment.spec.revision_key},
              {"nodes", shape.nodes},
              {"port", runtime.spec.port},
              {"runtime", runtime.meta.name}};
  const auto& many = runtime.spec.multi_node;
  TRY(out["leader"], pod_template(context, shape.nodes > 1 && many ? &many->leader : nullptr, true));
  if (shape.nodes > 1) {
    TRY(out["worker"], pod_template(context, many ? &many->worker : nullptr, false));
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace stowage::model_deployment
