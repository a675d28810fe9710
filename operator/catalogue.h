#pragma once

#include <string>
#include <vector>

#include "kube/client/client.h"
#include "kube/runtime/environment.h"

namespace stowage::operator_process {

/// One file of crds/catalogue, compiled in.
struct CatalogueFile {
  std::string name;
  std::string yaml;  ///< One object.
};

const std::vector<CatalogueFile>& catalogue_files();

/// Applies every object of the catalogue that is not there as it should be, as field manager
/// stowage-catalogue. Objects annotated stowage.dev/managed: "false" are left alone, and fields that somebody
/// else has taken over are left to them (a conflict is logged, not forced). Objects whose kind does not exist
/// yet (CRDs not installed) are tried again with back-off until they are there.
boost::asio::awaitable<void> keep_catalogue(kube::Environment env, kube::Client& client);

}  // namespace stowage::operator_process
