#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kube/client/client.h"
#include "kube/runtime/environment.h"
#include "kube/runtime/notifier.h"

namespace stowage::operator_process {

/// One file of crds/catalogue, compiled in.
struct CatalogueFile {
  std::string name;
  std::string yaml;  ///< One object.
};

const std::vector<CatalogueFile>& catalogue_files();

/// Keeps the objects of the catalogue in the cluster, as field manager stowage-catalogue. Objects annotated
/// stowage.dev/managed: "false" are left alone, and fields that somebody else has taken over are left to them
/// (a conflict is logged, not forced).
class Catalogue {
 public:
  Catalogue(kube::Environment env, kube::Client& client);

  /// Applies every object once, then puts back what is deleted; until it is cancelled. Objects whose kind
  /// does not exist (CRDs not installed yet, or deleted) are tried again with back-off until it does.
  boost::asio::awaitable<void> keep();
  /// To be called when an object of `kind` went. Names that are not in the catalogue are ignored.
  void deleted(std::string_view kind, std::string_view name);

 private:
  struct Entry {
    const CatalogueFile* file;
    const kube::Resource* resource;
    std::string name;
    bool missing = true;
  };
  kube::Async<void> apply(const Entry& entry);
  boost::asio::awaitable<void> insist(const Entry& entry);

  kube::Environment env_;
  kube::Client& client_;
  kube::Notifier changed_;
  std::vector<Entry> entries_;
};

}  // namespace stowage::operator_process
