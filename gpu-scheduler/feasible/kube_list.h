#pragma once

#include <functional>
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

/// The objects of one v1 List that placement reads. Other kinds are skipped.
struct KubeList {
  std::vector<api::Node> nodes;
  std::vector<api::Pod> pods;
  std::vector<api::Namespace> namespaces;
  std::map<std::string, std::shared_ptr<const api::PersistentVolumeClaim>, std::less<>>
      claims;  ///< By "ns/name".
  std::map<std::string, std::shared_ptr<const api::PersistentVolume>, std::less<>> volumes;
  std::map<std::string, std::shared_ptr<const api::StorageClass>, std::less<>> classes;
};

/// A v1 List, or a NodeList, PodList, ... whose items carry no kind. Errors: kMalformed, naming the item and
/// the path in it.
Result<KubeList> decode_list(std::string_view json);

/// Calls `use` for each of the JSON objects that follow each other in `text` (one a line, or written over
/// many). Stops at its first error. Errors: kMalformed for text that is not a sequence of objects, naming the
/// line.
Result<void> each_document(std::string_view text,
                           const std::function<Result<void>(std::string_view document, bool only)>& use);

}  // namespace stowage::feasible
