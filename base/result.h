#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace stowage {

/// What kind of failure it is. Callers branch on the code, never on the text.
enum class Code {
  kInvalidArgument,  ///< The input is wrong and stays wrong: 400, 422, a malformed file.
  kUnauthorized,     ///< 401.
  kForbidden,        ///< 403.
  kNotFound,         ///< 404.
  kAlreadyExists,    ///< 409 with reason AlreadyExists.
  kConflict,         ///< 409: resourceVersion, UID or field-manager conflict. Re-read, recompute, retry.
  kExpired,          ///< 410: resource version or continue token too old. Relist.
  kTooManyRequests,  ///< 429. See Error::retry_after.
  kUnavailable,      ///< Connection refused or reset, 5xx. The write may have happened.
  kTimeout,          ///< The deadline passed, or 408/504. The write may have happened.
  kCancelled,        ///< The caller gave up: shutdown or a lost lease.
  kMalformed,        ///< Bytes that break the protocol: not JSON, truncated, too large, too deep.
  kUnsupported,      ///< The other side, or this version, cannot do it.
  kInternal,         ///< Should not happen.
};

/// The stable name of a code, e.g. "NotFound".
std::string_view to_string(Code code);

/// A failure as a value: a code for programs, a sentence for people.
struct Error {
  Code code = Code::kInternal;
  std::string message;
  /// How long the server asked us to wait (Retry-After), if it did.
  std::optional<std::chrono::milliseconds> retry_after = {};
  /// HTTP status that caused it; 0 where there was none.
  int http_status = 0;

  /// Puts what was being done in front of the message: "reading kubeconfig: no such file".
  [[nodiscard]] Error context(std::string_view what) &&;

  /// "NotFound: pods \"a\" not found".
  [[nodiscard]] std::string to_string() const;
};

template <class T>
using Result = std::expected<T, Error>;

/// Shorthand for the error side of a Result.
[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{.code = code, .message = std::move(message)});
}

}  // namespace stowage

#define STOWAGE_CONCAT_INNER(a, b) a##b
#define STOWAGE_CONCAT(a, b) STOWAGE_CONCAT_INNER(a, b)

#define STOWAGE_TRY_IMPL(tmp, return_word, declaration, ...)     \
  auto tmp = (__VA_ARGS__);                                      \
  if (!tmp) return_word std::unexpected(std::move(tmp).error()); \
  declaration = *std::move(tmp)

/// `TRY(auto x, expression)`: x is the value, or the enclosing function returns the error.
#define TRY(declaration, ...) \
  STOWAGE_TRY_IMPL(STOWAGE_CONCAT(try_result_, __COUNTER__), return, declaration, __VA_ARGS__)

/// The same inside a coroutine.
#define CO_TRY(declaration, ...) \
  STOWAGE_TRY_IMPL(STOWAGE_CONCAT(try_result_, __COUNTER__), co_return, declaration, __VA_ARGS__)

/// For results whose value is not needed (`Result<void>` too).
#define TRY_VOID(...) \
  if (auto try_status = (__VA_ARGS__); !try_status) return std::unexpected(std::move(try_status).error())

#define CO_TRY_VOID(...) \
  if (auto try_status = (__VA_ARGS__); !try_status) co_return std::unexpected(std::move(try_status).error())
