#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/core/node.h"
#include "api/core/pod.h"
#include "api/core/storage.h"
#include "base/result.h"

namespace stowage::feasible {

/// Where an object stands.
struct Place {
  size_t line = 1;  ///< Of the file, from 1, in which the object begins.
  size_t item = 0;  ///< Of the list, from 0.

  /// The error with "LINE: items[N]: " in front of its sentence.
  [[nodiscard]] Error context(Error error) const;
};

template <class T>
struct Listed {
  T object;
  Place place;
};

/// The objects of one v1 List that placement reads. Other kinds are skipped.
struct KubeList {
  std::vector<Listed<api::Node>> nodes;
  std::vector<Listed<api::Pod>> pods;
  std::vector<api::Namespace> namespaces;
  std::map<std::string, std::shared_ptr<const api::PersistentVolumeClaim>, std::less<>>
      claims;  ///< By "ns/name".
  std::map<std::string, std::shared_ptr<const api::PersistentVolume>, std::less<>> volumes;
  std::map<std::string, std::shared_ptr<const api::StorageClass>, std::less<>> classes;
};

/// A v1 List, or a NodeList, PodList, ... whose items carry no kind. `first_line`: of the file in which the
/// list begins. Errors, as "LINE: items[N]: path: sentence": kMalformed for what is no such list,
/// kInvalidArgument for amounts and names that no API server holds (check_objects.h), and for two objects of
/// one name.
Result<KubeList> decode_list(std::string_view json, size_t first_line = 1);

}  // namespace stowage::feasible
