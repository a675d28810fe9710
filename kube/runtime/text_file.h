#pragma once

#include <string>

#include "base/result.h"

namespace stowage::kube {

/// The whole file, at most `limit` bytes. Errors: kNotFound for one that is missing, a folder, or may not be
/// read; kInvalidArgument for one that is larger. Both name it.
Result<std::string> read_text_file(const std::string& path, size_t limit);

/// Writes the file whole, or says why not (kUnavailable).
Result<void> write_text_file(const std::string& path, const std::string& text);

}  // namespace stowage::kube
