#include <nlohmann/json.hpp>

#include "sandbox/apiserver/core.h"

namespace stowage::sandbox {
namespace {

/// core/v1 name -> events.k8s.io/v1 name.
constexpr std::pair<const char*, const char*> kNames[] = {{"involvedObject", "regarding"},
                                                          {"message", "note"},
                                                          {"reportingComponent", "reportingController"},
                                                          {"source", "deprecatedSource"},
                                                          {"firstTimestamp", "deprecatedFirstTimestamp"},
                                                          {"lastTimestamp", "deprecatedLastTimestamp"},
                                                          {"count", "deprecatedCount"}};

void rename(Json& object, const char* from, const char* to) {
  const auto it = object.find(from);
  if (it == object.end()) return;
  Json value = std::move(*it);
  object.erase(it);
  object[to] = std::move(value);
}

}  // namespace

void convert_event(Json& object, std::string_view to_api_version) {
  const bool to_core = to_api_version == "v1";
  for (const auto& [core_name, events_name] : kNames)
    rename(object, to_core ? events_name : core_name, to_core ? core_name : events_name);
  // core/v1 always shows these, events.k8s.io/v1 only when they say something.
  for (const auto& [core_name, events_name] :
       {std::pair{"reportingComponent", "reportingController"}, {"reportingInstance", "reportingInstance"}}) {
    if (to_core) {
      if (!object.contains(core_name)) object[core_name] = "";
    } else if (string_at(object, {events_name}).empty()) {
      object.erase(events_name);
    }
  }
  if (!object.contains("eventTime")) object["eventTime"] = nullptr;
  object["apiVersion"] = to_api_version;
}

}  // namespace stowage::sandbox
