#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "base/result.h"

namespace stowage::feasible {

/// One of the JSON objects of a file.
struct Document {
  std::string_view text;
  size_t line = 1;    ///< Of the file, from 1, in which it begins.
  size_t number = 1;  ///< From 1.
  bool only = true;   ///< The file has no other.
};

/// Calls `use` for each of the JSON objects that follow each other in `text` (one a line, or written over
/// many). Stops at its first error. Errors: kMalformed for text that is not a sequence of objects, as
/// "LINE: sentence".
Result<void> each_document(std::string_view text, const std::function<Result<void>(const Document&)>& use);

}  // namespace stowage::feasible
