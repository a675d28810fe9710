#include "kube/core/resource.h"

#include "kube/core/url.h"

namespace stowage::kube {

std::string Resource::api_version() const {
  return group.empty() ? version : group + "/" + version;
}

std::string Resource::path(std::string_view ns) const {
  std::string out = group.empty() ? "/api/" + version : "/apis/" + group + "/" + version;
  if (namespaced && !ns.empty()) out.append("/namespaces/").append(url_encode(ns));
  return out + "/" + plural;
}

std::string Resource::path(std::string_view ns, std::string_view name, std::string_view subresource) const {
  std::string out = path(ns);
  out.append("/").append(url_encode(name));
  if (!subresource.empty()) out.append("/").append(subresource);
  return out;
}

}  // namespace stowage::kube
