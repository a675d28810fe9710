#include "api/core/pod.h"

#include "api/core/decode_pod_parts.h"
#include "api/core/resources.h"

namespace stowage::api {
namespace {

void read_state(JsonValue value, ContainerStatus& out) {
  value.object([&out](std::string_view state, JsonValue item) {
    item.object([&](std::string_view key, JsonValue detail) {
      if (state == "waiting" && key == "reason") return read(detail, out.waiting_reason);
      if (state == "terminated" && key == "reason") return read(detail, out.terminated_reason);
      if (state == "terminated" && key == "exitCode") return read(detail, out.exit_code);
    });
  });
}

/// {"requests": {...}}; present and empty differs from absent.
void read_requests(JsonValue value, std::optional<ResourceList>& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "requests" && !item.is_null()) read_resources(item, out.emplace());
  });
}

void read_allocated(JsonValue value, std::optional<ResourceList>& out) {
  if (!value.is_null()) read_resources(value, out.emplace());
}

}  // namespace

void read(JsonValue value, ContainerStatus& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "name") return read(item, out.name);
    if (key == "ready") return read(item, out.ready);
    if (key == "restartCount") return read(item, out.restart_count);
    if (key == "state") return read_state(item, out);
    if (key == "allocatedResources") return read_allocated(item, out.allocated);
    if (key == "resources") return read_requests(item, out.requests);
  });
}

void read(JsonValue value, PodStatus& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "phase") return read(item, out.phase);
    if (key == "reason") return read(item, out.reason);
    if (key == "message") return read(item, out.message);
    if (key == "nominatedNodeName") return read(item, out.nominated_node);
    if (key == "conditions") return read(item, out.conditions);
    if (key == "containerStatuses") return read(item, out.containers);
    if (key == "initContainerStatuses") return read(item, out.init_containers);
    if (key == "allocatedResources") return read_allocated(item, out.allocated);
    if (key == "resources") {
      out.reports_resources = !item.is_null();
      return read_requests(item, out.requests);
    }
  });
}

Result<Pod> decode_pod(std::string_view json) {
  Pod out;
  TRY_VOID(read_json(json, [&out](JsonValue root) {
    root.object([&out](std::string_view key, JsonValue item) {
      if (key == "metadata") return read(item, out.meta);
      if (key == "spec") return read(item, out.spec);
      if (key == "status") return read(item, out.status);
    });
  }));
  // Only now is the pod's own name known, whatever the order of the fields was.
  for (PodVolume& volume : out.spec.volumes) {
    if (volume.ephemeral) volume.claim = out.meta.name + "-" + volume.name;
  }
  return out;
}

}  // namespace stowage::api
