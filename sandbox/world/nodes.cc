#include "sandbox/world/nodes.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/watch.h"

namespace stowage::sandbox {

Result<void> create_nodes(Server& server, const Profile& profile, size_t first, size_t count, WallTime now) {
  Request request{.method = "POST",
                  .path = "/api/v1/nodes",
                  .content_type = "application/json",
                  .user_agent = "kubelet/1.37",
                  .user = "system:node"};
  const std::string time = format_rfc3339(now);
  for (size_t index = first; index < first + count; ++index) {
    nlohmann::json node = profile.node(index);
    for (auto& condition : node["status"]["conditions"])
      condition["lastHeartbeatTime"] = condition["lastTransitionTime"] = time;
    request.body = dump(node);
    const Response answer = server.handle(request, now);
    if (answer.status != 201)
      return fail(Code::kInvalidArgument, fmt::format("node {}: {}", index, answer.body));
  }
  return {};
}

}  // namespace stowage::sandbox
