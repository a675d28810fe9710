#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace stowage::scenario {

/// One case of a table: a cluster, a pod, and the nodes that it may use.
struct Case {
  std::string file;  ///< Name without folder.
  int line = 0;
  std::string name;
  std::string list;  ///< The v1 List (JSON): nodes, running pods, the pod "default/new" and the rest.
  std::vector<std::string> feasible;  ///< Sorted.
};

/// Reads a table. The words of a case:
///   name       the rule, as a sentence
///   nodes      name -> labels; each also has kubernetes.io/hostname, 4 CPU, 8Gi and 110 pods
///   taints, allocatable  node name -> list, map
///   features             node name -> list: status.declaredFeatures
///   cordoned   names of unschedulable nodes
///   running    pods with `on: NODE`
///   pod        the pod to place
///   namespaces name -> labels
///   objects    PersistentVolumes, claims, storage classes as they are
///   feasible   the nodes that kube-scheduler would take
/// Pods have `labels`, `ns` (default), `deleted: true`, `status`; `requests` and `ports` of their one
/// container; every other word is a field of the spec. Errors: kInvalidArgument naming file, line and word.
Result<std::vector<Case>> read_cases(const std::string& path);

}  // namespace stowage::scenario
