#include "sandbox/world/observed.h"

#include <nlohmann/json.hpp>

#include "api/core/json_walk.h"
#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {
namespace {

/// Calls `read` with member `name` of member `part` of the object.
template <class Read>
void read_member(std::string_view object, std::string_view part, std::string_view name, Read read) {
  (void)api::read_json(object, [&](api::JsonValue root) {
    root.object([&](std::string_view key, api::JsonValue value) {
      if (key != part) return;
      value.object([&](std::string_view inner, api::JsonValue member) {
        if (inner == name) read(member);
      });
    });
  });
}

}  // namespace

std::optional<Frame> next_frame(Watch& watch) {
  auto line = watch.next();
  if (!line) return std::nullopt;
  Frame out;
  const auto read = api::read_json(*line, [&](api::JsonValue root) {
    root.object([&](std::string_view key, api::JsonValue value) {
      if (key == "type") out.type = value.text();
      if (key == "object") out.object = value.raw();
    });
  });
  if (!read) out.type = "ERROR";
  return out;
}

int64_t grace_seconds(std::string_view pod) {
  int64_t out = 30;
  read_member(pod, "metadata", "deletionGracePeriodSeconds",
              [&](api::JsonValue value) { out = value.integer(); });
  return out;
}

std::string pod_address(std::string_view pod) {
  std::string out;
  read_member(pod, "status", "podIP", [&](api::JsonValue value) { out = value.text(); });
  return out;
}

std::string node_address(std::string_view node) {
  std::string out;
  auto entry = [&](api::JsonValue item) {
    std::string type, address;
    item.object([&](std::string_view key, api::JsonValue value) {
      if (key == "type") type = value.text();
      if (key == "address") address = value.text();
    });
    if (type == "InternalIP" && out.empty()) out = std::move(address);
  };
  read_member(node, "status", "addresses", [&](api::JsonValue value) { value.array(entry); });
  return out;
}

const char* outage_of(std::string_view text) {
  const Json node = Json::parse(text, nullptr, false);
  const Json* conditions = find_path(node, {"status", "conditions"});
  for (size_t i = 0; conditions != nullptr && i < conditions->size(); ++i) {
    if (string_at((*conditions)[i], {"type"}) != "Ready") continue;
    const std::string status = string_at((*conditions)[i], {"status"});
    return status == "True" ? nullptr : status == "False" ? kNotReadyTaint : kUnreachableTaint;
  }
  return nullptr;
}

}  // namespace stowage::sandbox
