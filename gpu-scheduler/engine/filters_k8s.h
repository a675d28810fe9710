#pragma once

#include <cstdint>

#include "gpu-scheduler/engine/node_spec.h"
#include "gpu-scheduler/engine/pod_class.h"
#include "gpu-scheduler/engine/reasons.h"

namespace stowage::engine {

/// What the filters that look only at the node's object and the pod's class say.
struct StaticVerdict {
  Reason reason = Reason::kNone;
  const Taint* taint = nullptr;  ///< The first untolerated taint when reason is kTaint; points into the node.
};

/// kube-scheduler's NodeUnschedulable, TaintToleration, NodeAffinity (selector and required affinity) and
/// VolumeBinding's node affinity of bound volumes, in that order. Cached per (class, node specification).
StaticVerdict check_static_k8s(const PodClass& pod, const NodeSpec& node);

/// Sum of the weights of the preferred node affinity terms that match; untolerated PreferNoSchedule taints.
int64_t preferred_node_affinity_score(const PodClass& pod, const NodeSpec& node);
int32_t untolerated_prefer_no_schedule(const PodClass& pod, const NodeSpec& node);

/// True when two host ports cannot be used together on one node: same port and protocol, and the same address
/// or one of them every address.
bool host_ports_conflict(const HostPort& a, const HostPort& b);
/// kube-scheduler's VolumeRestrictions, for disks that two pods of one node mount.
bool disks_conflict(const PodDisk& a, const PodDisk& b);

}  // namespace stowage::engine
