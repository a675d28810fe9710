#pragma once

#include "kube/core/resource.h"

/// Where the API server serves what the scheduler reads and writes.
namespace stowage::scheduler::kinds {

inline const kube::Resource kPods{.group = "", .version = "v1", .plural = "pods", .kind = "Pod"};
inline const kube::Resource kNodes{
    .group = "", .version = "v1", .plural = "nodes", .kind = "Node", .namespaced = false};
inline const kube::Resource kNamespaces{
    .group = "", .version = "v1", .plural = "namespaces", .kind = "Namespace", .namespaced = false};
inline const kube::Resource kClaims{
    .group = "", .version = "v1", .plural = "persistentvolumeclaims", .kind = "PersistentVolumeClaim"};
inline const kube::Resource kVolumes{.group = "",
                                     .version = "v1",
                                     .plural = "persistentvolumes",
                                     .kind = "PersistentVolume",
                                     .namespaced = false};
inline const kube::Resource kStorageClasses{.group = "storage.k8s.io",
                                            .version = "v1",
                                            .plural = "storageclasses",
                                            .kind = "StorageClass",
                                            .namespaced = false};
inline const kube::Resource kDeployments{
    .group = "stowage.dev", .version = "v1alpha1", .plural = "modeldeployments", .kind = "ModelDeployment"};
inline const kube::Resource kPolicies{.group = "stowage.dev",
                                      .version = "v1alpha1",
                                      .plural = "schedulingpolicies",
                                      .kind = "SchedulingPolicy",
                                      .namespaced = false};
inline const kube::Resource kPools{.group = "stowage.dev",
                                   .version = "v1alpha1",
                                   .plural = "capacitypools",
                                   .kind = "CapacityPool",
                                   .namespaced = false};
inline const kube::Resource kPodGroups{
    .group = "scheduling.k8s.io", .version = "v1beta1", .plural = "podgroups", .kind = "PodGroup"};

}  // namespace stowage::scheduler::kinds
