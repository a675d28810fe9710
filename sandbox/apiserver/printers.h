#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {

struct PrinterColumn {
  std::string name;
  std::string type = "string";
  int priority = 0;  ///< 1 = only with -o wide.
};

/// How a built-in kind is printed by `kubectl get`.
struct Printer {
  std::vector<PrinterColumn> columns;
  Json (*cells)(const Json& object, WallTime now);
};

/// By kind, or "Kind.group" outside of the core group.
const std::map<std::string, Printer>& builtin_printers();

/// READY, STATUS, RESTARTS, ... of a pod.
Json pod_cells(const Json& pod, WallTime now);
Json node_cells(const Json& node, WallTime now);

}  // namespace stowage::sandbox
