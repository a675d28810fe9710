#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace stowage::kube {

enum class Method { kGet, kPost, kPut, kPatch, kDelete };

/// "GET", "POST", ... as HTTP writes them.
constexpr const char* method_name(Method method) {
  constexpr const char* kNames[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
  return kNames[static_cast<int>(method)];
}

using Headers = std::vector<std::pair<std::string, std::string>>;

/// One HTTP request to the API server: target and body, no address and no credentials (the transport has
/// those).
struct HttpRequest {
  Method method = Method::kGet;
  std::string target;    ///< Path and query, e.g. "/api/v1/pods?limit=500".
  Headers headers = {};  ///< Accept, Content-Type, ...
  std::string body = {};
  Millis timeout{30'000};  ///< For the whole exchange; for a stream, until its head has arrived.
  Millis idle_timeout{0};  ///< Streams only: longest silence between two chunks; 0 = none.
};

struct HttpResponse {
  int status = 0;
  Headers headers = {};  ///< Names in lower case.
  std::string body = {};
};

}  // namespace stowage::kube
