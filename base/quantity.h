#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace stowage {

/// A Kubernetes quantity ("500m", "141Gi", "8", "1e3") as whole units, rounded up as the API server's own
/// `Quantity.Value()` does. Errors: kInvalidArgument for bad syntax, and for values outside int64, naming the
/// text.
Result<int64_t> parse_quantity(std::string_view text);

/// The same in thousandths, rounded up: for CPU. "100m" -> 100, "2" -> 2000.
Result<int64_t> parse_quantity_milli(std::string_view text);

/// True when the text has the form of a quantity, also one that is too large for int64.
bool is_quantity(std::string_view text);

/// The same in billionths, exact but for what is finer (rounded away from zero, as the API server does), and
/// limited to +-(2^63 - 1) whole units: for sums that are rounded only at their end.
Result<__int128> parse_quantity_nano(std::string_view text);

/// Whole bytes in the largest binary unit that loses nothing: 151397597184 -> "141Gi".
std::string format_bytes(int64_t bytes);

/// Thousandths of a CPU: 1500 -> "1500m", 2000 -> "2".
std::string format_milli(int64_t milli);

}  // namespace stowage
