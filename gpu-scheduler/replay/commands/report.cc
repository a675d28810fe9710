#include <fmt/format.h>

#include <cstdio>

#include "gpu-scheduler/replay/commands/commands.h"

namespace stowage::replay {

int report(const Error& error) {
  fmt::print(stderr, "stowage-replay: {}\n", error.message);
  return kInputRefused;
}

}  // namespace stowage::replay
