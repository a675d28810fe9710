#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/apiserver/api_error.h"

namespace stowage::sandbox {

/// Adds up what the rules of a definition would cost at most and refuses what kube-apiserver refuses: limits
/// and words of apiextensions-apiserver's pkg/apis/apiextensions/validation.
class RuleCosts {
 public:
  /// One expression at `path`; `what` it is called. One that costs more than 10,000,000 is a cause.
  void add(const char* what, uint64_t cost, const std::string& path, std::vector<Cause>& causes);
  /// After all. More than 100,000,000 together: a cause for each of the dearest four, and one for the schema.
  void finish(const std::string& schema_path, std::vector<Cause>& causes) const;

 private:
  struct Dear {
    uint64_t cost;
    std::string path;
  };
  uint64_t total_ = 0;
  std::vector<Dear> dearest_;  ///< Falling cost.
};

}  // namespace stowage::sandbox
