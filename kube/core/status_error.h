#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "kube/core/http.h"

namespace stowage::kube {

/// The Error of a response whose HTTP status is >= 400. The code comes from the Status body's reason where
/// there is one (it tells AlreadyExists from Conflict), else from the HTTP status; the message is the
/// server's. `retry_after` is the Retry-After header (seconds) or the Status' retryAfterSeconds. "Too large
/// resource version" (a 504 with cause ResourceVersionTooLarge) is kExpired: the answer to both is a relist.
/// A body that is no Status is quoted, cut at 300 bytes. `status` < 400 is kInternal.
Error error_from_response(int status, const Headers& headers, std::string_view body);

/// The Error of a Status object, as in the ERROR event of a watch (HTTP status 200).
Error error_from_status(std::string_view status_json);

/// The value of header `name` (lower case), if it is there.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

}  // namespace stowage::kube
