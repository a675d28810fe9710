#include "api/core/storage.h"

#include "api/core/decode_selector.h"

namespace stowage::api {
namespace {

/// Metadata, spec and status go to their own readers; any of them may be missing.
template <class Spec, class Status>
Result<void> read_object(std::string_view json, ObjectMeta& meta, Spec&& spec, Status&& status) {
  return read_json(json, [&](JsonValue root) {
    root.object([&](std::string_view key, JsonValue item) {
      if (key == "metadata") return read(item, meta);
      if (key == "spec") return item.object(spec);
      if (key == "status") return item.object(status);
    });
  });
}

/// The "storage" of a resource list.
void read_storage(JsonValue list, int64_t& out) {
  list.object([&out](std::string_view key, JsonValue amount) {
    if (key == "storage") out = amount.quantity(false);
  });
}

constexpr auto kIgnore = [](std::string_view /*key*/, JsonValue /*item*/) {};

/// [{"matchLabelExpressions": [{"key": k, "values": [...]}]}] -> the node selector that means the same.
void read_topologies(JsonValue list, NodeSelector& out) {
  list.array([&out](JsonValue element) {
    NodeSelectorTerm& term = out.terms.emplace_back();
    element.object([&term](std::string_view key, JsonValue item) {
      if (key == "matchLabelExpressions") read(item, term.match_expressions);
    });
    for (SelectorRequirement& requirement : term.match_expressions)
      requirement.op = "In";
  });
}

}  // namespace

Result<PersistentVolumeClaim> decode_claim(std::string_view json) {
  PersistentVolumeClaim out;
  const auto spec = [&out](std::string_view key, JsonValue item) {
    if (key == "volumeName") return read(item, out.volume_name);
    if (key == "storageClassName") return read(item, out.storage_class);
    if (key == "accessModes") return read(item, out.access_modes);
    if (key == "volumeMode") return read(item, out.volume_mode);
    if (key == "selector") return read(item, out.selector);
    if (key == "volumeAttributesClassName") return read(item, out.attributes_class);
    if (key != "resources") return;
    item.object([&out](std::string_view part, JsonValue list) {
      if (part == "requests") read_storage(list, out.storage_bytes);
    });
  };
  const auto status = [&out](std::string_view key, JsonValue item) {
    if (key == "phase") return read(item, out.phase);
  };
  TRY_VOID(read_object(json, out.meta, spec, status));
  return out;
}

Result<PersistentVolume> decode_volume(std::string_view json) {
  PersistentVolume out;
  const auto spec = [&out](std::string_view key, JsonValue item) {
    if (key == "storageClassName") return read(item, out.storage_class);
    if (key == "capacity") return read_storage(item, out.storage_bytes);
    if (key == "volumeMode") return read(item, out.volume_mode);
    if (key == "accessModes") return read(item, out.access_modes);
    if (key == "volumeAttributesClassName") return read(item, out.attributes_class);
    if (key == "nodeAffinity") {
      return item.object([&out](std::string_view part, JsonValue selector) {
        if (part == "required") read(selector, out.node_affinity);
      });
    }
    if (key != "claimRef") return;
    item.object([&out](std::string_view part, JsonValue value) {
      if (part == "namespace") return read(value, out.claim_ns);
      if (part == "name") return read(value, out.claim_name);
      if (part == "uid") return read(value, out.claim_uid);
    });
  };
  const auto status = [&out](std::string_view key, JsonValue item) {
    if (key == "phase") return read(item, out.phase);
  };
  TRY_VOID(read_object(json, out.meta, spec, status));
  return out;
}

Result<StorageClass> decode_storage_class(std::string_view json) {
  StorageClass out;
  TRY_VOID(read_json(json, [&out](JsonValue root) {
    root.object([&out](std::string_view key, JsonValue item) {
      if (key == "metadata") return read(item, out.meta);
      if (key == "provisioner") return read(item, out.provisioner);
      if (key == "volumeBindingMode") {
        std::string mode;
        read(item, mode);
        out.wait_for_first_consumer = mode == "WaitForFirstConsumer";
        return;
      }
      if (key == "allowedTopologies" && !item.is_null())
        read_topologies(item, out.allowed_topologies.emplace());
    });
  }));
  return out;
}

Result<Namespace> decode_namespace(std::string_view json) {
  Namespace out;
  TRY_VOID(read_object(json, out.meta, kIgnore, kIgnore));
  return out;
}

}  // namespace stowage::api
