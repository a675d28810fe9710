#include "gpu-scheduler/replay/profile_nodes.h"

#include <nlohmann/json.hpp>

#include "api/core/node.h"
#include "gpu-scheduler/translate.h"
#include "sandbox/front/profiles.h"

namespace stowage::replay {

Result<std::vector<engine::NodeSpec>> nodes_of_profile(const std::string& folder, const std::string& profile,
                                                       int64_t first, int64_t count) {
  TRY(const auto known, sandbox::Profile::load(sandbox::profiles_folder(folder), profile));
  std::vector<engine::NodeSpec> out;
  for (int64_t i = first; i < first + count; ++i) {
    const auto object = known.node(static_cast<size_t>(i));
    const std::string text = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    TRY(const api::Node node, api::decode_node(text));
    out.push_back(scheduler::to_node_spec(node, nullptr));
  }
  return out;
}

}  // namespace stowage::replay
