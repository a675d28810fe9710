#pragma once

#include <string_view>

namespace stowage {

/// Prints file, line, condition and message to stderr and aborts.
[[noreturn]] void check_failed(std::string_view file, int line, std::string_view condition,
                               std::string_view message);

}  // namespace stowage

/// A broken invariant of our own ends the process: going on would act on a state nobody understands.
/// Never for what a user, the network or the API server may do: that is a Result.
#define STOWAGE_CHECK(condition, message) \
  ((condition) ? static_cast<void>(0) : ::stowage::check_failed(__FILE__, __LINE__, #condition, message))
