#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace stowage::sandbox {

/// Where a pod is reached, as its kubelet reports it.
struct PodAddress {
  std::string host;  ///< The node's InternalIP; empty when it has none.
  std::string pod;
};

/// Gives out the addresses of pods: 10.244.0.1 and on, then the rest of 10.192.0.0/10, each to one pod at a
/// time and in the same order in every run. Nodes (10.128.0.0/10) and Services (10.0.0.0/16) have none of
/// them. An address that came back is given again only after all others.
class PodAddresses {
 public:
  std::string give();
  /// Notes an address that a pod has brought along, so that nobody else gets it; any text.
  void take(std::string_view address);
  void give_back(std::string_view address);

 private:
  std::set<uint32_t> taken_;
  uint32_t next_ = 0;
};

}  // namespace stowage::sandbox
