#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sandbox/apiserver/watch.h"

/// What the kubelets read out of watches beyond the typed objects.
namespace stowage::sandbox {

constexpr const char* kNotReadyTaint = "node.kubernetes.io/not-ready";
constexpr const char* kUnreachableTaint = "node.kubernetes.io/unreachable";

/// One frame of a watch: the type, and the object's text.
struct Frame {
  std::string type;
  std::string object;
};

/// The next frame that is there. One that cannot be read has the type ERROR.
std::optional<Frame> next_frame(Watch& watch);
/// metadata.deletionGracePeriodSeconds; 30 when it is not there.
int64_t grace_seconds(std::string_view pod);
/// status.podIP, or empty.
std::string pod_address(std::string_view pod);
/// The first address of type InternalIP in the node's status, or empty.
std::string node_address(std::string_view node);
/// The taint that goes with the node's condition Ready; null while it is True or not reported.
const char* outage_of(std::string_view node);

}  // namespace stowage::sandbox
