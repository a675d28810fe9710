#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace stowage::sandbox {

/// A kubeconfig with one context for a server at http://address:port.
std::string kubeconfig_text(const std::string& address, uint16_t port);
/// Writes it so that a reader never sees half of it; missing folders are made, a link stays one. Only a file
/// that is not there, is empty or is a sandbox's is written: whoever names another kubeconfig keeps it.
/// Error: kInvalidArgument naming the path.
Result<void> write_kubeconfig(const std::string& path, const std::string& address, uint16_t port);

}  // namespace stowage::sandbox
