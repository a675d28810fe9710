#include "api/stowage/v1alpha1/model_runtime.h"

#include "api/stowage/v1alpha1/decode_object.h"

namespace stowage::api {
namespace {

void read(JsonValue value, RuntimeMember& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "command") read(field, out.command);
    if (key == "args") read(field, out.args);
  });
}

void read(JsonValue value, MultiNode& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "leader") read(field, out.leader);
    if (key == "worker") read(field, out.worker);
    if (key == "port") read(field, out.port);
  });
}

void read_env(JsonValue value, EnvVar& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "name") read(field, out.name);
    if (key == "value") read(field, out.value);
  });
}

void read_probes(JsonValue value, ModelRuntimeSpec& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "path") read(field, out.probe_path);
    if (key == "periodSeconds") read(field, out.probe_period_seconds);
    if (key == "startupSeconds") read(field, out.probe_startup_seconds);
    if (key == "failureThreshold") read(field, out.probe_failure_threshold);
  });
}

void read_drain(JsonValue value, ModelRuntimeSpec& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "preStopSeconds") read(field, out.drain_pre_stop_seconds);
    if (key == "graceSeconds") read(field, out.drain_grace_seconds);
  });
}

void read_resources(JsonValue value, ModelRuntimeSpec& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "cpuPerDevice") out.cpu_milli_per_device = field.quantity(true);
    if (key == "memoryPerDevice") out.memory_bytes_per_device = field.quantity(false);
  });
}

void read_security(JsonValue value, ModelRuntimeSpec& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "runAsUser") read(field, out.run_as_user);
    if (key == "fsGroup") read(field, out.fs_group);
    if (key == "addCapabilities") read(field, out.add_capabilities);
  });
}

void read(JsonValue value, ModelRuntimeSpec& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "engine") read(field, out.engine);
    if (key == "image") read(field, out.image);
    if (key == "command") read(field, out.command);
    if (key == "args") read(field, out.args);
    if (key == "expertParallelArgs") read(field, out.expert_parallel_args);
    if (key == "dataParallelArgs") read(field, out.data_parallel_args);
    if (key == "multiNode") read(field, out.multi_node.emplace());
    if (key == "env") field.array([&](JsonValue item) { read_env(item, out.env.emplace_back()); });
    if (key == "port") read(field, out.port);
    if (key == "probes") read_probes(field, out);
    if (key == "drain") read_drain(field, out);
    if (key == "sharedMemory") out.shared_memory_bytes = field.quantity(false);
    if (key == "resources") read_resources(field, out);
    if (key == "security") read_security(field, out);
  });
}

}  // namespace

Result<ModelRuntime> decode_model_runtime(std::string_view json) {
  ModelRuntime out;
  TRY_VOID(read_meta_and_spec(json, out.meta, [&out](JsonValue field) { read(field, out.spec); }));
  return out;
}

}  // namespace stowage::api
