#include "base/check.h"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

namespace stowage {

void check_failed(std::string_view file, int line, std::string_view condition, std::string_view message) {
  fmt::print(stderr, "{}:{}: broken invariant ({}): {}\n", file, line, condition, message);
  std::fflush(stderr);
  std::abort();
}

}  // namespace stowage
