#include "controllers/model_deployment/facts.h"

#include <charconv>
#include <chrono>
#include <string>

#include "api/core/json_walk.h"
#include "controllers/model_deployment/names.h"

namespace stowage::model_deployment {
namespace {

using api::JsonValue;

// Anybody who may label pods writes these: no sum of them overflows, no loop over them takes long.
constexpr int32_t kMostNumber = 1'000'000'000;
constexpr int32_t kMostMembers = 4'096;  // more than the 2,048 devices that one replica can have

int32_t number(const std::string& text, int32_t most = kMostNumber) {
  int32_t out = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >= 0 && out <= most ? out : -1;
}

// Labels, annotations and foreign owners are dropped: they are most of an object's bytes.
api::ObjectMeta strip(const api::ObjectMeta& meta) {
  api::ObjectMeta out{.name = meta.name, .ns = meta.ns, .uid = meta.uid};
  out.resource_version = meta.resource_version;
  out.generation = meta.generation;
  out.created = meta.created;
  out.deleted = meta.deleted;
  if (const auto* owner = meta.controller()) {
    out.owners.push_back({.kind = owner->kind, .name = owner->name, .uid = owner->uid, .controller = true});
  }
  return out;
}

struct EngineState {
  std::string reason;
  std::string message;
  bool waiting = false;
  bool failed = false;  ///< Ended with an exit code, of its own.
  WallTime started = {};
  WallTime finished = {};
};

void read_terminated(JsonValue value, EngineState& out) {
  int32_t code = 0;
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "reason") read(field, out.reason);
    if (key == "message") read(field, out.message);
    if (key == "exitCode") read(field, code);
    if (key == "startedAt") read(field, out.started);
    if (key == "finishedAt") read(field, out.finished);
  });
  out.failed = true;
  if (out.message.empty()) out.message = "exit code " + std::to_string(code);
}

void read_state(JsonValue value, EngineState& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "terminated") read_terminated(field, out);
    if (key != "waiting") return;
    out.waiting = true;
    field.object([&](std::string_view name, JsonValue text) {
      if (name == "reason") read(text, out.reason);
      if (name == "message") read(text, out.message);
    });
  });
}

struct Status {
  std::string phase;
  std::string reason;
  std::string message;
  std::vector<api::Condition> conditions;
  EngineState engine;
  int32_t failures = 0;
  Millis last_run{0};
  std::string last_failure;
};

// Each failure but the latest was followed by a restart; the latest is told by what the container is now, or
// by what it was last when it waits or runs again.
void count_failures(int32_t restarts, const EngineState& now, const EngineState& before, Status& out) {
  const int32_t failures = restarts + (now.failed || (now.waiting && before.failed) ? 1 : 0);
  if (failures <= out.failures) return;
  const EngineState& latest = now.failed ? now : before;
  out.failures = failures;
  out.last_run = std::chrono::duration_cast<Millis>(latest.finished - latest.started);
  out.last_failure = latest.reason.empty() ? latest.message : latest.reason + ", " + latest.message;
}

void read_status(JsonValue value, Status& out) {
  value.object([&](std::string_view key, JsonValue field) {
    if (key == "phase") read(field, out.phase);
    if (key == "reason") read(field, out.reason);
    if (key == "message") read(field, out.message);
    if (key == "conditions") read(field, out.conditions);
    if (key != "containerStatuses") return;
    field.array([&](JsonValue container) {
      EngineState state;
      EngineState before;
      int32_t restarts = 0;
      container.object([&](std::string_view name, JsonValue part) {
        if (name == "state") read_state(part, state);
        if (name == "lastState") read_state(part, before);
        if (name == "restartCount") read(part, restarts);
      });
      count_failures(restarts, state, before, out);
      // The container that has something to say wins over one that runs.
      if (state.failed || (state.waiting && !out.engine.failed)) out.engine = std::move(state);
    });
  });
}

// A pod that the kubelet refused has a reason of its own and never had a container; one that was evicted, or
// whose node shut down, carries DisruptionTarget or one of the kubelet's words.
PodEnd classify(const Status& status) {
  if (status.phase != "Failed" && status.phase != "Succeeded") return PodEnd::kNone;
  for (const auto& condition : status.conditions) {
    if (condition.type == "DisruptionTarget" && condition.status == "True") return PodEnd::kDisrupted;
  }
  for (const std::string_view word : {"Evicted", "Preempting", "Preempted", "NodeShutdown", "Shutdown",
                                      "NodeLost", "Terminated", "NodeAffinityChanged"}) {
    if (status.reason == word) return PodEnd::kDisrupted;
  }
  if (status.phase == "Failed" && !status.reason.empty() && !status.engine.failed) return PodEnd::kRejected;
  return PodEnd::kOwn;
}

void apply_status(const Status& status, PodFact& out) {
  out.running = status.phase == "Running";
  out.failures = status.failures;
  out.last_run = status.last_run;
  out.last_failure = status.last_failure;
  out.end = classify(status);
  for (const auto& condition : status.conditions) {
    if (condition.type == "Ready") out.ready = condition.status == "True";
    if (condition.type == "PodScheduled" && condition.status == "False") {
      out.problem_reason = condition.reason;
      out.problem = condition.message;
    }
  }
  if (out.node.empty()) return;
  out.problem_reason = status.reason.empty() ? status.engine.reason : status.reason;
  out.problem = status.message.empty() ? status.engine.message : status.message;
  if (out.ready) out.problem.clear(), out.problem_reason.clear();
}

}  // namespace

std::string deployment_key(const std::string& ns, const std::string& deployment) {
  return ns + "/" + deployment;
}

Result<PodFact> decode_pod_fact(std::string_view json) {
  PodFact out;
  Status status;
  TRY_VOID(api::read_json(json, [&](JsonValue root) {
    root.object([&](std::string_view key, JsonValue field) {
      if (key == "metadata") {
        api::ObjectMeta meta;
        read(field, meta);
        out.deployment = meta.label(kDeploymentLabel);
        out.revision = meta.label(kRevisionLabel);
        out.replica = number(meta.label(kReplicaLabel));
        out.attempt = number(meta.label(kAttemptLabel));
        out.rank = number(meta.label(kRankLabel), kMostMembers);
        out.group_size = number(meta.annotation(kGroupSizeAnnotation), kMostMembers);
        // Labels can be changed, names cannot.
        if (meta.name != pod_name(out.deployment, out.replica, out.attempt, out.rank)) out.rank = -1;
        out.meta = strip(meta);
      }
      if (key == "spec") {
        field.object([&](std::string_view name, JsonValue part) {
          if (name == "nodeName") read(part, out.node);
        });
      }
      if (key == "status") read_status(field, status);
    });
  }));
  apply_status(status, out);
  return out;
}

Result<ServiceFact> decode_service_fact(std::string_view json) {
  ServiceFact out;
  auto read_port = [&out](JsonValue item) {
    std::string name;
    std::string protocol = "TCP";
    std::string target;
    int32_t port = 0;
    item.object([&](std::string_view key, JsonValue field) {
      if (key == "name") read(field, name);
      if (key == "port") read(field, port);
      if (key == "protocol") read(field, protocol);
      if (key == "targetPort") target = field.raw();
    });
    std::erase(target, '"');
    if (!out.ports.empty()) out.ports += ',';
    out.ports += name + ":" + std::to_string(port) + ">" + target + "/" + protocol;
  };
  TRY_VOID(api::read_json(json, [&](JsonValue root) {
    root.object([&](std::string_view key, JsonValue field) {
      if (key == "metadata") {
        api::ObjectMeta meta;
        read(field, meta);
        out.deployment = meta.label(kDeploymentLabel);
        out.meta = strip(meta);
      }
      if (key != "spec") return;
      field.object([&](std::string_view name, JsonValue part) {
        if (name == "selector") read(part, out.selector);
        if (name == "clusterIP") out.headless = part.text() == "None";
        if (name == "publishNotReadyAddresses") read(part, out.publish_not_ready);
        if (name == "ports") part.array(read_port);
      });
    });
  }));
  return out;
}

Result<RevisionFact> decode_revision_fact(std::string_view json) {
  RevisionFact out;
  TRY_VOID(api::read_json(json, [&](JsonValue root) {
    root.object([&](std::string_view key, JsonValue field) {
      if (key == "metadata") {
        api::ObjectMeta meta;
        read(field, meta);
        out.deployment = meta.label(kDeploymentLabel);
        out.meta = strip(meta);
      }
      if (key == "revision") read(field, out.number);
      if (key == "data") out.data = field.raw();
    });
  }));
  if (out.data.empty()) return out;
  TRY_VOID(api::read_json(out.data, [&](JsonValue root) {
    root.object([&](std::string_view key, JsonValue field) {
      if (key == "key") read(field, out.key);
      if (key == "nodes") read(field, out.nodes);
      if (key == "port") read(field, out.port);
    });
  }));
  if (out.nodes > kMostMembers) out.nodes = 0;
  return out;
}

Result<NodeFact> decode_node_fact(std::string_view json) {
  NodeFact out;
  TRY_VOID(api::read_json(json, [&](JsonValue root) {
    root.object([&](std::string_view key, JsonValue field) {
      if (key != "metadata") return;
      field.object([&](std::string_view name, JsonValue part) {
        if (name == "name") read(part, out.meta.name);
        if (name == "uid") read(part, out.meta.uid);
        if (name == "resourceVersion") read(part, out.meta.resource_version);
      });
    });
  }));
  return out;
}

}  // namespace stowage::model_deployment
