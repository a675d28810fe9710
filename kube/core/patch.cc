#include "kube/core/patch.h"

#include <nlohmann/json.hpp>

#include "kube/core/json_scan.h"

namespace stowage::kube {
namespace {

using nlohmann::json;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<json> parse(std::string_view text, const char* what) {
  TRY_VOID(check_json_depth(text));
  json out = json::parse(text, nullptr, false);
  if (out.is_discarded()) return fail(Code::kMalformed, std::string(what) + " is not JSON");
  return out;
}

}  // namespace

Result<std::string> merge_patch(std::string_view target, std::string_view patch) {
  TRY(json out, parse(target, "the object"));
  TRY(const json change, parse(patch, "the patch"));
  out.merge_patch(change);
  return dump(out);
}

std::string finalizers_patch(const std::vector<std::string>& finalizers, std::string_view resource_version) {
  return dump({{"metadata", {{"finalizers", finalizers}, {"resourceVersion", resource_version}}}});
}

std::string annotations_patch(const std::vector<std::pair<std::string, std::string>>& set,
                              const std::vector<std::string>& remove) {
  json annotations = json::object();
  for (const std::string& key : remove)
    annotations[key] = nullptr;
  for (const auto& [key, value] : set)
    annotations[key] = value;
  return dump({{"metadata", {{"annotations", annotations}}}});
}

}  // namespace stowage::kube
