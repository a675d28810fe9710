#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sandbox/apiserver/server.h"
#include "test/sim/process.h"

namespace stowage::sim {

/// What every schedule starts from, made once a process: a server with our kinds, namespaces and catalogue
/// (each schedule forks it), and the roles of the control plane.
struct Ground {
  sandbox::Server server;
  std::vector<Role> roles;
};

/// `crds` is the folder of the CustomResourceDefinitions, with `catalogue` in it. Errors: kNotFound,
/// kInvalidArgument (what the server said about an object).
Result<Ground> make_ground(const std::filesystem::path& crds);

}  // namespace stowage::sim
