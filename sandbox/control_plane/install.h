#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace stowage::sandbox {

class Server;

/// One CustomResourceDefinition of crds/, compiled in.
struct DefinitionFile {
  std::string name;
  std::string yaml;
};
const std::vector<DefinitionFile>& definition_files();

/// Puts into the server what `kubectl apply -f crds` puts into a cluster, and the namespace stowage-system.
/// The catalogue is the operator's business. What exists already stays as it is. Error: kInternal, naming the
/// file that the server refused.
Result<void> install_stowage(Server& server, WallTime now);

}  // namespace stowage::sandbox
