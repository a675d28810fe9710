#pragma once

#include <string>
#include <string_view>

namespace stowage::kube {

/// A kind of object and where the API serves it.
struct Resource {
  std::string group;    ///< Empty for core.
  std::string version;  ///< "v1".
  std::string plural;   ///< "pods".
  std::string kind;     ///< "Pod".
  bool namespaced = true;

  /// "v1" or "stowage.dev/v1alpha1".
  [[nodiscard]] std::string api_version() const;
  /// Collection: "/api/v1/namespaces/a/pods"; all namespaces when `ns` is empty.
  [[nodiscard]] std::string path(std::string_view ns = {}) const;
  /// Object or subresource: "/api/v1/namespaces/a/pods/b/binding".
  [[nodiscard]] std::string path(std::string_view ns, std::string_view name,
                                 std::string_view subresource = {}) const;
  bool operator==(const Resource&) const = default;
};

}  // namespace stowage::kube
