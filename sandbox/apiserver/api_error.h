#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace stowage::sandbox {

/// One cause inside a Status: which field, and why.
struct Cause {
  std::string reason;
  std::string message;
  std::string field;
};

/// A request that failed, as the API server says it: becomes a `Status` object.
struct ApiError {
  int code = 500;
  std::string reason;
  std::string message;
  /// What the error is about; all may be empty.
  std::string name, group, kind, uid;
  std::vector<Cause> causes = {};
  int retry_after_seconds = 0;
  int line = 0;  ///< Of the text that could not be read, from 1; 0 = not known. Not sent.

  /// The Status object as JSON text.
  [[nodiscard]] std::string to_status_json() const;
};

/// The answer to a request, or the Status it ends with.
template <class T>
using Answer = std::expected<T, ApiError>;
using Refusal = std::unexpected<ApiError>;

/// What an error is about: resource is the plural word used in messages ("pods").
struct Subject {
  std::string_view group, resource, kind, name;
};

Refusal bad_request(std::string message);
Refusal not_found(const Subject& subject);
Refusal already_exists(const Subject& subject);
/// 409; `why` completes "Operation cannot be fulfilled on pods "a": ...".
Refusal conflict(const Subject& subject, std::string_view why);
Refusal stale_object(const Subject& subject);
/// 422; `causes` are listed in the message in kube's words.
Refusal invalid(const Subject& subject, std::vector<Cause> causes);
Refusal forbidden(const Subject& subject, std::string_view why);
Refusal method_not_allowed(std::string_view message);
/// 410 with reason Expired.
Refusal expired(std::string message);
Refusal unsupported_media_type();
Refusal not_acceptable();
/// 404 for a path that is no resource.
Refusal no_such_path();
Refusal too_large(size_t limit_bytes);
/// 500 without a reason: an error of kube-apiserver that nothing translated.
Refusal server_error(std::string message);
Refusal internal_error(std::string_view why);
/// 429; retry_after in whole seconds.
Refusal too_many_requests(std::string message, int retry_after_seconds, std::vector<Cause> causes = {});

/// "pods", "deployments.apps": how kube names a resource in messages.
std::string qualified_resource(std::string_view resource, std::string_view group);

}  // namespace stowage::sandbox
