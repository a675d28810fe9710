#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/core/selector.h"
#include "api/meta.h"
#include "base/result.h"

namespace stowage::api {

/// The part of core/v1 PersistentVolumeClaim that placement reads.
struct PersistentVolumeClaim {
  ObjectMeta meta;
  std::string volume_name;                   ///< spec.volumeName: the bound volume; empty = none yet.
  std::optional<std::string> storage_class;  ///< Absent: the cluster's default class.
  std::vector<std::string> access_modes;
  std::string phase;                       ///< Pending, Bound, Lost.
  int64_t storage_bytes = 0;               ///< spec.resources.requests.storage.
  std::string volume_mode = "Filesystem";  ///< Filesystem or Block.
  std::optional<LabelSelector> selector;   ///< Of volumes.
  std::string attributes_class;            ///< volumeAttributesClassName; empty = none.
};

/// The part of core/v1 PersistentVolume that placement reads.
struct PersistentVolume {
  ObjectMeta meta;
  std::string storage_class;
  std::optional<NodeSelector> node_affinity;  ///< spec.nodeAffinity.required.
  std::string claim_ns;                       ///< spec.claimRef.
  std::string claim_name;
  std::string claim_uid;
  std::string phase;
  int64_t storage_bytes = 0;               ///< spec.capacity.storage.
  std::string volume_mode = "Filesystem";  ///< Filesystem or Block.
  std::vector<std::string> access_modes;
  std::string attributes_class;  ///< volumeAttributesClassName; empty = none.
};

/// The part of storage.k8s.io/v1 StorageClass that placement reads.
struct StorageClass {
  ObjectMeta meta;
  std::string provisioner;
  bool wait_for_first_consumer = false;  ///< volumeBindingMode.
  /// allowedTopologies as a node selector (terms ORed); absent = everywhere.
  std::optional<NodeSelector> allowed_topologies;
};

/// The part of core/v1 Namespace that placement reads.
struct Namespace {
  ObjectMeta meta;
};

/// One JSON object each. Errors: kMalformed, naming the path.
Result<PersistentVolumeClaim> decode_claim(std::string_view json);
Result<PersistentVolume> decode_volume(std::string_view json);
Result<StorageClass> decode_storage_class(std::string_view json);
Result<Namespace> decode_namespace(std::string_view json);

}  // namespace stowage::api
