#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace stowage::kube {

/// Deepest nesting of a body that is accepted anywhere; the API server's own bound is far above what its
/// objects need (a pod template nests below 20).
inline constexpr size_t kMaxJsonDepth = 64;

/// Finds where JSON values begin and end in a stream of bytes, without building them: quotes, escapes and
/// brackets only. What lies inside a value is validated by whoever decodes it.
///
/// Linear, one pass, constant memory but for the bracket stack.
class JsonScanner {
 public:
  /// Consumes bytes until the top-level object or array that was begun is complete, or the input ends.
  /// Result: number of bytes consumed; `complete()` tells which of the two it was.
  /// Errors: kMalformed for text outside brackets, mismatched brackets, or nesting above kMaxJsonDepth.
  Result<size_t> scan(std::string_view bytes);
  [[nodiscard]] bool complete() const { return complete_; }
  /// True between the first byte of a value and its last.
  [[nodiscard]] bool inside() const { return depth_ > 0; }
  /// Objects and arrays that stand directly inside the value and have ended.
  [[nodiscard]] size_t children() const { return children_; }
  /// Ready for the next top-level value.
  void reset();

 private:
  Result<void> open(bool object);
  Result<void> close(bool object);

  uint64_t objects_ = 0;  ///< Bit i: the bracket at depth i + 1 is a brace.
  size_t depth_ = 0;
  size_t children_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool complete_ = false;
};

/// Checks that `text` is one JSON value nested no deeper than kMaxJsonDepth brackets. Only the nesting is
/// checked; a parser still has to validate the rest. Error: kMalformed.
Result<void> check_json_depth(std::string_view text);

}  // namespace stowage::kube
