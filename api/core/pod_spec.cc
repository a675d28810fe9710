#include <optional>

#include "api/core/decode_pod_parts.h"
#include "api/core/resources.h"

namespace stowage::api {

void read(JsonValue value, ContainerPort& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "hostPort") return read(item, out.host_port);
    if (key == "hostIP") return read(item, out.host_ip);
    if (key == "protocol") return read(item, out.protocol);
  });
}

namespace {

void read_mounts(JsonValue list, Container& out) {
  list.array([&out](JsonValue mount) {
    mount.object([&out](std::string_view key, JsonValue item) {
      if (key != "bindMountOptions") return;
      item.array([&out](JsonValue) { out.bind_mount_options = true; });
    });
  });
}

void read_restart_rules(JsonValue list, Container& out) {
  list.array([&out](JsonValue rule) {
    rule.object([&out](std::string_view key, JsonValue item) {
      if (key != "action") return;
      std::string action;
      read(item, action);
      out.restarts_all = out.restarts_all || action == "RestartAllContainers";
    });
  });
}

}  // namespace

void read(JsonValue value, Container& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "name") return read(item, out.name);
    if (key == "image") return read(item, out.image);
    if (key == "ports") return read(item, out.ports);
    if (key == "restartPolicy") {
      std::string policy;
      read(item, policy);
      out.restart_always = policy == "Always";
      return;
    }
    if (key == "volumeMounts") return read_mounts(item, out);
    if (key == "restartPolicyRules") return read_restart_rules(item, out);
    if (key != "resources") return;
    item.object([&out](std::string_view part, JsonValue list) {
      if (part == "requests") return read_resources(list, out.requests);
      if (part == "limits") return read_resources(list, out.limits);
    });
  });
}

void read(JsonValue value, Toleration& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "key") return read(item, out.key);
    if (key == "operator") return read(item, out.op);
    if (key == "value") return read(item, out.value);
    if (key == "effect") return read(item, out.effect);
    if (key == "tolerationSeconds") return read(item, out.seconds);
  });
}

namespace {

std::optional<PodDisk::Kind> disk_kind(std::string_view source) {
  if (source == "gcePersistentDisk") return PodDisk::Kind::kGcePersistentDisk;
  if (source == "awsElasticBlockStore") return PodDisk::Kind::kAwsElasticBlockStore;
  if (source == "iscsi") return PodDisk::Kind::kIscsi;
  if (source == "rbd") return PodDisk::Kind::kRbd;
  return std::nullopt;
}

void read_disk(JsonValue value, PodDisk& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "readOnly") return read(item, out.read_only);
    if (key == "pool") return read(item, out.pool);
    if (key == "monitors") return read(item, out.monitors);
    if (key == "pdName" || key == "volumeID" || key == "iqn" || key == "image") read(item, out.id);
  });
}

/// Volumes with neither claim nor disk do not matter to placement and are left out.
void read_volumes(JsonValue list, PodSpec& out) {
  list.array([&out](JsonValue element) {
    PodVolume volume;
    bool claimed = false;
    element.object([&](std::string_view key, JsonValue item) {
      if (key == "name") return read(item, volume.name);
      if (key == "ephemeral") {
        claimed = volume.ephemeral = !item.is_null();
        return;
      }
      if (const auto kind = disk_kind(key); kind && !item.is_null())
        return read_disk(item, out.disks.emplace_back(PodDisk{.kind = *kind}));
      if (key != "persistentVolumeClaim") return;
      item.object([&](std::string_view part, JsonValue claim) {
        if (part != "claimName") return;
        read(claim, volume.claim);
        claimed = true;
      });
    });
    if (claimed) out.volumes.push_back(std::move(volume));
  });
}

/// [{"name": "a"}, ...] -> names.
void read_names(JsonValue list, std::vector<std::string>& out) {
  list.array([&out](JsonValue element) {
    element.object([&out](std::string_view key, JsonValue item) {
      if (key == "name") read(item, out.emplace_back());
    });
  });
}

void read_pod_resources(JsonValue value, PodSpec& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "requests" && !item.is_null()) read_resources(item, out.pod_requests.emplace());
  });
}

/// The fields that are objects or lists of their own.
bool read_spec_part(std::string_view key, JsonValue item, PodSpec& out) {
  if (key == "nodeSelector") return read(item, out.node_selector), true;
  if (key == "affinity") return read(item, out.affinity), true;
  if (key == "tolerations") return read(item, out.tolerations), true;
  if (key == "topologySpreadConstraints") return read(item, out.spread), true;
  if (key == "containers") return read(item, out.containers), true;
  if (key == "initContainers") return read(item, out.init_containers), true;
  if (key == "resources") return read_pod_resources(item, out), true;
  if (key == "overhead") return read_resources(item, out.overhead), true;
  if (key == "schedulingGates") return read_names(item, out.scheduling_gates), true;
  if (key == "resourceClaims") return read_names(item, out.resource_claims), true;
  if (key == "volumes") return read_volumes(item, out), true;
  return false;
}

}  // namespace

void read(JsonValue value, PodSpec& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (read_spec_part(key, item, out)) return;
    if (key == "nodeName") return read(item, out.node_name);
    if (key == "schedulerName") return read(item, out.scheduler_name);
    if (key == "priorityClassName") return read(item, out.priority_class);
    if (key == "priority") return read(item, out.priority);
    if (key == "preemptionPolicy") return read(item, out.preemption_policy);
    if (key == "restartPolicy") return read(item, out.restart_policy);
    if (key == "hostNetwork") return read(item, out.host_network);
    if (key == "hostUsers" && !item.is_null()) return read(item, out.host_users);
    if (key != "schedulingGroup") return;
    item.object([&out](std::string_view part, JsonValue name) {
      if (part == "podGroupName") read(name, out.pod_group);
    });
  });
}

}  // namespace stowage::api
