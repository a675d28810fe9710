#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gpu-scheduler/translate.h"

/// How a node serves claims that are bound when their first consumer is scheduled (kube-scheduler's
/// VolumeBinding).
namespace stowage::scheduler {

using ClaimRef = std::shared_ptr<const api::PersistentVolumeClaim>;
using VolumeRef = std::shared_ptr<const api::PersistentVolume>;

/// The class of a claim or a volume: the old annotation wins over the field.
std::string class_of(const api::PersistentVolumeClaim& claim);
std::string class_of(const api::PersistentVolume& volume);

/// True when volumes of the class are made on demand.
bool can_provision(const api::StorageClass& kind);

/// A claim without a volume, with what could serve it.
struct WaitingClaim {
  ClaimRef claim;
  std::shared_ptr<const api::StorageClass> storage_class;
  std::vector<VolumeRef> candidates;  ///< Volumes of the class.
};

/// Node affinity of a volume as kube-scheduler reads it here: it knows the node's labels alone, so
/// requirements on fields always hold. Nothing = every node.
std::optional<engine::NodeSelector> reach_of(const api::PersistentVolume& volume);

/// The nodes that can serve one claim, when no other claim competes. Nothing = every node.
std::optional<engine::NodeSelector> nodes_for(const WaitingClaim& waiting);

/// Whether a node can serve all the claims together: smallest first, each takes the smallest volume that
/// fits.
bool serves(const std::vector<WaitingClaim>& claims, const std::string& node, const api::StringMap& labels);

}  // namespace stowage::scheduler
