#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/client/transport.h"
#include "kube/core/resource.h"

namespace stowage::kube {

template <class T>
using Async = boost::asio::awaitable<Result<T>>;

struct PatchOptions {
  std::string field_manager = {};  ///< Required for apply.
  bool force = false;              ///< Apply only: take fields over. Only for objects or parts that are ours.
  bool dry_run = false;
};

struct DeleteOptions {
  std::string uid = {};               ///< Precondition; always set it for pods.
  std::string resource_version = {};  ///< Precondition; optional.
  std::optional<int64_t> grace_seconds = {};
  std::string propagation = {};  ///< Background, Foreground, Orphan; empty = the server's default.
};

/// What a binding needs to say: this pod (by UID) onto this node.
struct BindRequest {
  std::string ns;
  std::string pod;
  std::string pod_uid;
  std::string node;
};

/// Typed verbs over a Transport. Bodies go in and come out as JSON text: callers decode what they need.
///
/// Every HTTP status >= 400 becomes an Error with the code that belongs to it, the server's message, and
/// Retry-After. Nothing is retried here: callers own the policy. Thread rule: the control thread only.
class Client {
 public:
  /// `transport` outlives the client. `user_agent` is the component's name and version.
  Client(Transport& transport, std::string user_agent);

  Async<std::string> get(const Resource& resource, std::string ns, std::string name);
  /// One page. `query` is already encoded: "limit=500&labelSelector=...".
  Async<std::string> list(const Resource& resource, std::string ns, std::string query);
  Async<std::string> create(const Resource& resource, std::string ns, std::string body,
                            std::string field_manager);
  Async<std::string> replace(const Resource& resource, std::string ns, std::string name, std::string body,
                             std::string subresource = {});
  /// Server-side apply of the object in `body` (subresource: "" or "status").
  Async<std::string> apply(const Resource& resource, std::string ns, std::string name, std::string body,
                           PatchOptions options, std::string subresource = {});
  /// RFC 7386 merge patch.
  Async<std::string> merge_patch(const Resource& resource, std::string ns, std::string name, std::string body,
                                 PatchOptions options = {}, std::string subresource = {});
  /// Strategic merge patch (built-in kinds only), e.g. one pod condition.
  Async<std::string> strategic_patch(const Resource& resource, std::string ns, std::string name,
                                     std::string body, PatchOptions options = {},
                                     std::string subresource = {});
  Async<void> remove(const Resource& resource, std::string ns, std::string name, DeleteOptions options);
  /// POST pods/binding with the pod's UID. kConflict: bound already, or another pod by now.
  Async<void> bind(BindRequest request);
  /// Eviction API (policy/v1). kTooManyRequests: a disruption budget refuses.
  Async<void> evict(std::string ns, std::string pod, DeleteOptions options);
  /// A raw exchange for what has no verb here (discovery, /version, /readyz).
  Async<std::string> raw(HttpRequest request);
  /// Opens a watch or a streaming list; the status has been checked.
  Async<std::unique_ptr<BodyStream>> open(HttpRequest request);

  [[nodiscard]] const std::string& user_agent() const { return user_agent_; }

 private:
  Async<std::string> exchange(HttpRequest request);

  Transport& transport_;
  std::string user_agent_;
};

}  // namespace stowage::kube
