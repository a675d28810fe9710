#pragma once

#include <cstddef>

#include "base/clock.h"
#include "base/result.h"
#include "sandbox/apiserver/server.h"
#include "sandbox/front/profiles.h"

namespace stowage::sandbox {

/// Creates nodes number `first` to `first + count - 1` of the profile. Error: kInvalidArgument, the server's
/// answer to the first node that it refused (such as one that exists).
Result<void> create_nodes(Server& server, const Profile& profile, size_t first, size_t count, WallTime now);

}  // namespace stowage::sandbox
