#pragma once

#include <chrono>

#include "base/clock.h"
#include "sandbox/apiserver/server.h"

namespace stowage::sandbox {

inline constexpr WallTime kFuzzTime{std::chrono::seconds(1'700'000'000)};

/// A server as it is after bootstrap at kFuzzTime, for each input anew: a fork costs less than a bootstrap.
inline Server fresh_server() {
  static const Server* original = [] {
    auto* server = new Server();
    server->bootstrap(kFuzzTime);
    return server;
  }();
  return original->fork(1);
}

}  // namespace stowage::sandbox
