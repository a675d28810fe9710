#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace stowage::sandbox {

/// The folder of node profiles: `given`, or when that is empty the one beside the sources or beside the
/// installed program.
std::string profiles_folder(const std::string& given);

/// A node profile (format: sandbox/profiles/README.md), read and checked.
class Profile {
 public:
  /// Reads `folder`/`name`.yaml. Error: kInvalidArgument naming file, pool and key.
  static Result<Profile> load(const std::string& folder, const std::string& name);

  /// Node number `index` (from 0): the same on every machine, whatever the number of nodes.
  [[nodiscard]] nlohmann::json node(size_t index) const;

 private:
  struct Pool {
    std::string name, node_name, architecture;
    size_t count = 1;
    std::vector<std::pair<std::string, size_t>> counters;
    std::vector<std::pair<std::string, std::string>> labels, annotations, capacity, allocatable;
    std::vector<std::vector<std::pair<std::string, std::string>>> taints;
  };
  friend class ProfileReader;
  std::vector<Pool> pools_;
};

}  // namespace stowage::sandbox
