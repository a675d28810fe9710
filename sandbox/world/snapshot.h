#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sandbox/apiserver/server.h"

namespace stowage::sandbox {

struct SnapshotReport {
  std::map<std::string, size_t> loaded;                     ///< Kind -> objects.
  std::map<std::string, std::vector<std::string>> unknown;  ///< Kinds that are not served -> names.
  std::vector<std::string> refused;                         ///< "Kind ns/name: why".
  size_t owners_dropped = 0;  ///< References to owners that are not in the snapshot.
};

/// Creates the objects of a real cluster: namespaces, definitions and nodes first, owners before what they
/// own, with their status. What a server sets (UID, versions, managed fields) is left off, owner references
/// follow the new UIDs. What is there already stays. Nothing of it is an error: the report says what was left
/// out.
SnapshotReport load_snapshot(Server& server, std::vector<nlohmann::json> objects, WallTime now);

}  // namespace stowage::sandbox
